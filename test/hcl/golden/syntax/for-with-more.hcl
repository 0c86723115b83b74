a = [for x in list : x, 1]
