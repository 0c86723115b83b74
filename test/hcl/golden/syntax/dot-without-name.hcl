a = var.
b = var."name"
c = var.(name)
