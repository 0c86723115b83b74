job "docs" {
  datacenters = ["dc1"]
  group "web" {
    network {
      port "http" { to = 80 }
    }
    task "server" {
      driver = "docker"
      template {
        data        = <<EOH
KEY={{ key "app/key" }}
EOH
        destination = "secrets/file.env"
      }
    }
  }
}
