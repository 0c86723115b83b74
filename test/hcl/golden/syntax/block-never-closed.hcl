group "prod" {
  action "launch" {
    timeout = "15m"
  }
