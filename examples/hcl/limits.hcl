# Bounds that hold whatever the control plane asks for: even one that was taken over can press this button only so
# often, and never at night.

group "prod" {
  action "restart-database" {
    description = "At most twice an hour, one at a time"
    concurrency = 1

    limits {
      max_per_hour = 2
      min_interval = "1s"
      max_parallel = 1
      quiet_hours  = "03:00-03:01 Europe/Berlin"
    }

    run {
      command = ["echo", "restarted"]
    }
  }
}
