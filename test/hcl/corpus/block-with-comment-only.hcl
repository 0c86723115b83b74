a { # why
  # nothing here yet
}
