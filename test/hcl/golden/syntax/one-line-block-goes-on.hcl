run { command = ["x"]
  dir = "/"
}
