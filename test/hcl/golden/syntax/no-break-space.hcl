name = "launch"
