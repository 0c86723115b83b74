a = <<EOT
line one
  line two

line four
EOT
b = 1
