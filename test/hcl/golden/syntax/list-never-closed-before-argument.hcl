action "launch" {
  options = ["small", "large"
  timeout = "15m"
}
