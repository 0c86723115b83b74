url = "http://${var.host/path"
