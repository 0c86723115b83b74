	name = [1	2]
