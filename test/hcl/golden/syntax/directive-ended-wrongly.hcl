a = "%{ if x }yes%{ endfor }"
b = "%{ endif }"
