a = f()
b = f(1)
c = f(1, 2)
d = f(1, 2,)
e = f(x...)
g = f(1, x...)
h = f(
  1,
  2,
)
i = f(g(h()))
j = f (1)
k = f(
  x...
)
l = true(1)
