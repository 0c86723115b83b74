for = 1
if = 2
in = 3
else = 4
endif = 5
true = 6
null = 7
false {}
