http {
  method = "POST",
  url    = "http://x/"
}
