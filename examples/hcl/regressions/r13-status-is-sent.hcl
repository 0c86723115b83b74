# R13: the reference agent parses `status` and never sends it.

group "regressions" {
  action "r13" {
    status {
      message = "half way"
      values  = { percent = 50 }
      status  = "running"
    }
  }
}
