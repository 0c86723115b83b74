options[0] = "small"
