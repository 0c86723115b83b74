# R6: a program that does not exist gives exit code 127 and a failure that names it, not -1 and silence.

group "regressions" {
  action "r06" {
    run {
      command = ["/no/such/program", "argument"]
    }
  }
}
