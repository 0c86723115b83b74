a = 1 # one
bbbb = 22 # two
# alone
c = 3 // three
dd {} // block
e = 4 /* inline */
ff = 5 /* inline */ # line
