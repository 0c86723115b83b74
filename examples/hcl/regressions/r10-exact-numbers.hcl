# R10: 12345678901234567 reaches a command of the reference agent as 1.23456789e+16. Here every digit arrives.

group "regressions" {
  action "r10" {
    input "number" {
      type    = number
      default = 12345678901234567
    }

    run {
      command = ["printf", "%s\n", "given ${var.number}", "literal ${12345678901234567 + 0.1}"]
    }
  }
}
