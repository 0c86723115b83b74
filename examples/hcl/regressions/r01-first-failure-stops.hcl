# R1: the reference agent goes on after a failure and reports success. Ours stops: the run fails with exit code 3,
# the second step is not done, and only `on_failure = "continue"` changes that.

group "regressions" {
  action "r01-stops" {
    operation {
      run {
        command = "exit 3"
      }
    }
    operation {
      run {
        command = ["echo", "must not be printed"]
      }
    }
  }

  action "r01-continues" {
    operation {
      on_failure = "continue"
      run {
        command = "exit 3"
      }
    }
    operation {
      run {
        command = ["echo", "must be printed"]
      }
    }
  }
}
