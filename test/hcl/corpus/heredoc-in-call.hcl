a = f(<<EOT
one
EOT
, 2)
