a {}
a {}
a "x" {}
b = 1
b {}
