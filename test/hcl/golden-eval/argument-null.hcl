upper(nothing)
