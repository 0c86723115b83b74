format("%s and %s", name)
