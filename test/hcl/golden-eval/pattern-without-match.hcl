regex("[0-9]+", name)
