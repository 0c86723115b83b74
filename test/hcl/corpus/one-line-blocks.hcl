a {}
b { }
c { d = 1 }
e "label" { f = [1, 2] }
g { /* nothing */ }
