a = [for x : x]
b = [for x of y : x]
