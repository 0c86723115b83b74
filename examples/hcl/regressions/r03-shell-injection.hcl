# R3: with v = "x; touch f" the reference agent runs the injected command. Here this file is refused when it is
# loaded, and the error names the ways out.

group "regressions" {
  action "r03" {
    input "v" {}

    run {
      command = "echo ${var.v}"
    }
  }
}
