# An action that was written for the reference product: what would be an error of injection is a warning here, and
# every run of it is marked. hcp/reference.hcl is a whole file of that kind.

group "prod" {
  action "legacy-deploy" {
    compatibility = "hcp"

    run {
      command = "echo deploying ${var.version}"
    }
  }
}
