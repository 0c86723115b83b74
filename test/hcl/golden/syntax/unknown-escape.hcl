path    = "C:\deploy\new"
pattern = "^v\d+$"
