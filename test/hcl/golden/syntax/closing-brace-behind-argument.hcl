run {
  command = ["x"] }
