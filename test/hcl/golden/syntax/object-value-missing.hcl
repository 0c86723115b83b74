env = {
  REGION
  ZONE = "a"
}
