operation { run { command = ["x"] } }
