a = 1
/* from here on
b = 2
