a = <<-EOT
    %{ for v in list ~}
    - ${v}
    %{ endfor ~}
    end
    EOT
