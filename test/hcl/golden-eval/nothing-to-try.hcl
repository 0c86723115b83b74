try(nothing.a, list[9])
