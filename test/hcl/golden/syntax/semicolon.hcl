run { command = ["x"]; dir = "/" }
a = 1;
