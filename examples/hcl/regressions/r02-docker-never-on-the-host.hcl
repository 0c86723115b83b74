# R2: the reference agent ignores `docker` and runs the command on the host. Ours runs it in the container or not at
# all.

group "regressions" {
  action "r02" {
    run {
      command = ["cat", "/etc/os-release"]
      docker {
        image = "alpine:3.22"
        pull  = "never"
      }
    }
  }
}
