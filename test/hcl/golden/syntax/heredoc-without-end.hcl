script = <<EOT
echo hello
echo bye
