action "launch" {
  run
}
