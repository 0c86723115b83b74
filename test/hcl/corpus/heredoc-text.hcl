a = <<EOT
"quotes" stay, \n stays, # stays
$${x} %%{y} $ % { }
${x}
EOT
