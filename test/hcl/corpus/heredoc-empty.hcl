a = <<EOT
EOT
b = <<E

E
