# R14: when the reference agent is interrupted, the final status of its run is lost. Ours finishes or cancels within
# its grace, reports, and then leaves.

group "regressions" {
  action "r14" {
    run {
      command = "sleep 2; echo finished"
    }
  }
}
