a = 1
b-c = "two"
_d = true
e1 = null
long_name_with_underscores = false
