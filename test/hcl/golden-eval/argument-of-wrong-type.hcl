join(", ", map)
