count / (count - 3)
