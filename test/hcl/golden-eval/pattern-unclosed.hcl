regex("([a-z]+", name)
