a = <<EOT
x
      EOT
b = <<-E-F
x
E-F
