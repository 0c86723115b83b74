list[-1]
