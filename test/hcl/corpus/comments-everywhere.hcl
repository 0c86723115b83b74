# head
/* a */ group /* b */ "prod" /* c */ { # d
  // e
  x /* f */ = /* g */ 1 /* h */ # i
  y = [ # j
    1, /* k */ 2, // l
    # m
  ]
  z = { // n
    # o
    p = 1 # q
  }
}
# tail without a newline