timeout =
name = "x"
