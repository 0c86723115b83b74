a = x.0
b = x.0.y
c = x.0[1]
d = x.y.10
