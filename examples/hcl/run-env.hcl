# A script gets its inputs as environment variables: the script is literal, and the shell never reads the values as
# part of it.

group "prod" {
  action "greet" {
    description = "A script with inputs that may be any text"

    input "name" {
      max_length = 200
    }
    input "labels" {
      type        = map(string)
      key_pattern = "^LABEL_[A-Z]{1,20}$"
      default     = {}
    }

    run {
      command = <<-EOT
        set -eu
        echo "hello, $NAME"
        env | grep '^LABEL_' | sort || echo "no labels"
      EOT
      env     = merge({ NAME = var.name }, var.labels)
    }
  }
}
