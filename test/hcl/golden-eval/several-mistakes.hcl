[nam, list[7], upper(nothing), 1 / 0]
