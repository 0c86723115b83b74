agent {
  concurrency = 4
  network {
    allow = ["10.0.0.0/8", "*.internal:443"]
  }
  secrets "file" {
    dir = "/run/secrets"
  }
}
