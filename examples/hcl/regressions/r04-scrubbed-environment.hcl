# R4: the reference agent hands its whole environment to its children, credentials included. Ours hands on PATH, HOME,
# LANG, TZ and WAYSIDE_RUN_ID, what `env` says, and what `env_inherit` names.

group "regressions" {
  action "r04" {
    run {
      command = ["env"]
      env     = { GIVEN = "yes" }
    }
  }
}
