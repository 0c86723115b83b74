input "a" {} input "b" {}
