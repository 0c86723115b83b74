# Written for `hcp waypoint agent run`, unchanged: loads with `--compatibility hcp`.

group "prod:us-west-2" {
  action "launch" {
    operation {
      run {
        command = ["./launch.sh", "-delay", var.delay]
        env = {
          REGION = var.region
        }
      }
    }

    operation {
      http {
        url = "http://127.0.0.1:9090/launch/${var.version}"
      }
    }

    operation {
      status {
        message = "launched ${var.version} in run ${waypoint.run_id}"
        values = {
          attempt = 3
        }
        status = "complete"
      }
    }
  }

  action "greet" {
    run {
      command = "echo hello ${var.name}"
      docker {
        image = "alpine"
      }
    }
  }

  action "notify" {
    status {
      message = "hello from ${var.name}"
    }
  }
}
