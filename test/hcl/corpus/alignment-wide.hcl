é = "e" # one
日本 = "日本" # two
ab = "👩‍👩‍👧" # three
