# Later steps and outputs use what earlier steps gave: the exit code and the last line of a command, the status, the
# headers and the body of an answer.

group "prod" {
  action "measure" {
    description = "Structured results of a run"

    operation {
      name = "kernel"
      run {
        command = ["uname", "-s"]
      }
    }
    operation {
      name       = "check"
      on_failure = "continue"
      run {
        command = ["sh", "-c", "test \"$1\" = Plan9", "check", operation.kernel.output]
      }
    }

    output "kernel" {
      value = lower(operation.kernel.output)
    }
    output "is_plan9" {
      value = operation.check.exit_code == 0
    }
  }
}
