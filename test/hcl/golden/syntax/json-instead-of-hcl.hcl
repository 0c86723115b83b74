{
  "group": {
    "prod": {}
  }
}
