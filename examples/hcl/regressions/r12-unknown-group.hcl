# R12: for a group that the control plane does not know the reference agent prints a line and exits with 0. Ours exits
# with another code and says which groups exist.

group "a-group-that-nobody-created" {
  action "r12" {
    run {
      command = ["true"]
    }
  }
}
