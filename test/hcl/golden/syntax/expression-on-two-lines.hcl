enabled = var.a ||
  var.b
name = "x"
