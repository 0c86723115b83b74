name = “launch”
