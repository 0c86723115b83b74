name = join("-" var.names)
