env = {
  REGION = "us"
  , ZONE = "a"
}
