# The agent's own settings: the policy of a private network. Nothing that arrives from the control plane can change
# it. Put it beside files that define actions: the files of a folder are loaded together, and one has the settings.

agent {
  concurrency    = 4
  shutdown_grace = "10s"

  env_inherit = ["LANG"]                                 # what processes get of the agent's environment
  env_allow   = ["DEPLOYER_KEY"]                         # what env() may read; processes do not see it
  files_allow = ["/etc/wayside/*.json", "/etc/hostname"] # what file() may read

  network {
    # Only these. Loopback is denied until it is named, also behind a name that resolves to it.
    allow = ["127.0.0.1", "10.0.0.0/8", "*.internal:443"]
  }

  api {
    url = "http://127.0.0.1:7400" # what commands of an action with `token = true` find as WAYSIDE_URL
  }

  secrets "env" {
    allow = ["DEPLOYER_KEY", "REGISTRY_TOKEN"]
  }

  limits {
    max_per_hour = 1000
  }
}
