source "docker" "app" {
  image  = "alpine:${var.tag}"
  commit = true
}

build {
  sources = ["source.docker.app"]
  provisioner "shell" {
    inline = [
      "apk add curl",
      "echo $${HOME}",
    ]
  }
}
