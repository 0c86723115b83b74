a = [
  <<EOT
one
EOT
  ,
  <<-EOT
    two
  EOT
]
b = {
  c = <<EOT
three
EOT
  d = 1
}
