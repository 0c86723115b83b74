a = x.y
b = x.y.z
c = x[0]
d = x["y"]
e = x[y]
f = x[y.z]["k"].w[1 + 2]
g = x . y
h = (x).y
i = [1, 2][0]
j = { k = 1 }.k
l = f(1).m
n = "s".t
