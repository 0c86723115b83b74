group "prod" {
  action "launch" {
    run {
      command = ["./launch.sh", "-delay" var.delay]
    }
  }
}
