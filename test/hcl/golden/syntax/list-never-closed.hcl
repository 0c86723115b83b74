action "launch" {
  run {
    command = ["./launch.sh", "-delay"
  }
}
