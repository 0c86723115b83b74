a = true
b = false
c = null
d = ""
e = "text"
