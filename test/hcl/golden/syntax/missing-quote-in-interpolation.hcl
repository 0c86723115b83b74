url = "http://${var.host["name]}/"
timeout = "1m"
