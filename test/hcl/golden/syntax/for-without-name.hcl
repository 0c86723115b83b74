a = [for "x" in y : x]
b = { for = 1 }
