a = x[
  0
]
b = [x
[0]]
c = (x
.y)
d = f(x
, y
)
e = (x[
*])
