format("%s has %d", name, "three")
