a = [(for), x]
b = { "for" = 1 }
c = { x = 1, for = 2 }
d = { (for) = 1 }
e = [forest]
f = for
