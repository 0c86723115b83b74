size = var.big ? "large"
