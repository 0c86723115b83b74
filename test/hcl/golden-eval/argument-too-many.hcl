upper(name, count)
