run { command = ["x"] dir = "/" }
run { command = ["x"], dir = "/" }
