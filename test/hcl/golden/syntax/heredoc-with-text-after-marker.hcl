a = [<<EOT
hello
EOT,
  "x"
]
