count > 2 ? { ports = 1 } : { ports = [1, 2] }
