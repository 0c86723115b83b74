a {
  b = <<-EOT
    one
      two

    three
  EOT
  c = 1
}
