script = <<"EOT"
echo hello
EOT
