a = [for x in y : x]
b = [for x in y: x if x > 1]
c = [for i, x in y : [i, x]]
d = [
  for x in y :
  x
  if x
]
e = [for x in [1, 2] : x]
f = [for x in y : [for z in x : z]]
