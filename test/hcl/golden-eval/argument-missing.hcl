replace(name, "w")
