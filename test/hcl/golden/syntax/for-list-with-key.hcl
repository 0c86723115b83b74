a = [for k, v in map : k => v]
