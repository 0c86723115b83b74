action "launch" {
  timeout = "15m"
  name    = "x"
  timeout = "20m"
}
