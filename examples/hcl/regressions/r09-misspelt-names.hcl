# R9: the reference agent finds a misspelt name when the button is pressed. Ours finds all of them when it loads.

group "regressions" {
  action "r09" {
    descripton = "A misspelt attribute"

    input "version" {}

    oparation {
      run {
        command = ["true"]
      }
    }
    operation {
      run {
        command = ["echo", var.verison, uper("x")]
        envv    = {}
      }
    }
  }
}
