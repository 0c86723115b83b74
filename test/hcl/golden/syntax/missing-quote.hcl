action "launch" {
  description = "Launch the thing
  timeout     = "15m"
}
