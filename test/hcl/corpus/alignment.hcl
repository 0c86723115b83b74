a = 1
bbb = 2 # two
cc = 3 # three

d = {
  e = 1
  fff = 2
}
g = 4
hh = [
  1
]
iii = 5
j = <<EOT
x
EOT
kkkk = 6
