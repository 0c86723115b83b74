a = <<EOT
one ${join(",", [
  1,
  2
])} two
${(
  x
)}
EOT
b = 2
