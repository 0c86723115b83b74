# Runs in a container with docker or podman. If neither answers, the operation is refused; it never runs on the host.

group "prod" {
  action "inspect-image" {
    description = "A command in a container"
    timeout     = "5m"

    input "release" {
      options = ["3.21", "3.22"]
      default = "3.22"
    }

    run {
      command = ["cat", "/etc/alpine-release"]
      docker {
        image  = "alpine:${var.release}"
        memory = "64m"
        user   = "65534:65534"
        pull   = "missing"
      }
    }
  }
}
