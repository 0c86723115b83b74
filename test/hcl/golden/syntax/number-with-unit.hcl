timeout = 15m
