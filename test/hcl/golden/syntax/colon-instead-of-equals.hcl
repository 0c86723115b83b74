action "launch" {
  timeout: "15m"
}
