a = 1 + 2 - 3 * 4 / 5 % 6
b = x == y
c = x != y
d = x < y
e = x > y
f = x <= y
g = x >= y
h = x && y || z
i = -x
j = !x
k = !!x
l = - -x
m = -x + -y
n = !x && !y
o = 1 - -1
p = a-b - c-d
