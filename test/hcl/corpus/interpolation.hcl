a = "${x}"
b = "pre ${x} mid ${y.z} post"
c = "${ x }"
d = "${"nested ${"deep ${x}"}"}"
e = "${f("a", "b")}"
f = "${ {k = 1}["k"] }"
g = "${[1, 2][0]}"
h = "${
  x
}"
