set[0]
