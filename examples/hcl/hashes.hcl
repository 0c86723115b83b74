# A file that is listed with its SHA-256 is part of the action: where another one lies in its place, nothing is started.

group "prod" {
  action "print-version" {
    description = "Only the program that was looked at, and an image that nobody can move"

    operation {
      name = "on this machine"
      run {
        command = ["/opt/wayside/print-version", "--short"]
        hashes = {
          "/opt/wayside/print-version" = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
        }
      }
    }

    operation {
      name = "in a container"
      run {
        command = ["cat", "/etc/alpine-release"]
        docker {
          image = "alpine@sha256:a8560b36e8b8210634f77d9f7f9efd7ffa463e380b75e2e74aff4511df3ef88c"
        }
      }
    }
  }
}
