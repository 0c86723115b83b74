a = 1 + 2 * 3 == 7 && true || false
b = (1 + 2) * 3
c = x || y && z == 1 + 2 * -3
d = x == y == z
e = x < y == z
