# Every type of input, and every constraint. They become the form that people fill in, and are checked before a run
# is accepted and again by the agent.

group "prod" {
  action "scale" {
    description = "Typed inputs"

    input "service" {
      description = "One word: letters, digits and dashes"
      pattern     = "^[a-z][a-z0-9-]{0,62}$"
    }
    input "region" {
      description = "Where"
      options     = ["eu-central", "us-west"]
      default     = "eu-central"
    }
    input "instances" {
      type        = number
      description = "How many"
      min         = 1
      max         = 100
    }
    input "build" {
      type        = number
      description = "Keeps every digit, also of 12345678901234567"
      default     = null
    }
    input "dry_run" {
      type    = bool
      default = true
    }
    input "hosts" {
      type        = list(string)
      description = "Names of hosts"
      pattern     = "^[a-z0-9][a-z0-9.-]*$"
      min_length  = 1
      max_length  = 20
      default     = ["localhost"]
    }
    input "labels" {
      type        = map(string)
      key_pattern = "^[a-z]+$"
      max_length  = 10
      default     = {}
    }
    input "ticket" {
      description = "Optional"
      min_length  = 3
      max_length  = 40
      default     = null
    }
    input "password" {
      sensitive  = true
      min_length = 8
      default    = null
    }

    run {
      command = concat(
        ["printf", "%s\n", "--", "service=${var.service}", "region=${var.region}", "instances=${var.instances}"],
        ["build=${coalesce(var.build, 0)}", "dry_run=${var.dry_run}"],
        [for host in var.hosts : "host=${host}"],
        [for key, value in var.labels : "label ${key}=${value}"],
        ["ticket=${coalesce(var.ticket, "none")}"],
      )
      env = { PASSWORD = coalesce(var.password, "none") }
    }
  }
}
