a = "%{ fro x in y }${x}%{ endfor }"
b = "%{ elseif x }"
