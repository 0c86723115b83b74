url   = "http://host/#anchor"
glob  = "a/*.txt"
plain = "# no comment // here /* either */"
