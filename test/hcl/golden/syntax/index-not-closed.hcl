a = var.list[0
b = 1
