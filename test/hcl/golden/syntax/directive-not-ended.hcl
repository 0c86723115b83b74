script = <<EOT
%{ for host in hosts }
ping ${host}
EOT
