a = <<EOT
EOTX
 EOT x
${x}EOT
EOT 
