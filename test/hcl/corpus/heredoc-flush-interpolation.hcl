a = <<-EOT
    ${x}
      two ${y}
    three
  EOT
