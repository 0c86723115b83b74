headers = {
  Accept = "text/plain"
