group "prod" {
  action "one" {
    timeout: "15m"
    run {
      command = ["./a.sh" var.x]
    }
  }
  action "two" {
    run {
      command = ['./b.sh']
      dir     = "/srv
    }
    description = upper("x"
  }
}
