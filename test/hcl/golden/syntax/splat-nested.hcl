a = var.list.*.*
