# A list is the program and its arguments. No shell reads it, so an input can hold anything.

group "prod" {
  action "announce" {
    description = "Print a message, whatever it contains"

    input "message" {
      description = "Try: hello; rm -rf ~"
    }

    run {
      command = ["printf", "%s\n", "message: ${var.message}"]
    }
  }
}
