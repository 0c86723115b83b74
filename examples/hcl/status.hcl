# Lines in the run's status log, which people read while the run goes on.

group "prod" {
  action "report" {
    description = "Say what happens"

    operation {
      status {
        message = "looking"
        status  = "running"
      }
    }
    operation {
      run {
        command = ["true"]
      }
    }
    operation {
      status {
        message = "found by ${agent.name}"
        values  = { run = run.id, answer = 42, exact = 12345678901234567 }
        status  = "complete"
      }
    }
  }
}
