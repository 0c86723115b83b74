action "launch" {
  timeout = (1 + 2
  name    = "x"
}
