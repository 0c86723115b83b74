substr(name, "x", 2)
