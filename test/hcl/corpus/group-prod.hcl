group "prod:us-west-2" {
  action "promote" {
    description = "Promote a build"
    timeout     = "15m"

    input "version" {
      type    = string
      pattern = "^v[0-9]+\\.[0-9]+\\.[0-9]+$"
    }

    run {
      command = ["./promote.sh", var.version]
    }
  }
}
