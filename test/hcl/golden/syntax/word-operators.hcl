a = x and y
b = x or y
c = not x
