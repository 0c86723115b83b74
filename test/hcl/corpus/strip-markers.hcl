a = "x ${~ y ~} z"
b = "${~ y}"
c = "${y ~}"
d = "%{ if x ~} y %{~ else ~} z %{~ endif }"
