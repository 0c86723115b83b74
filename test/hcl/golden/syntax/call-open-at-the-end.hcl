a = join(",", [
  "x",
]
