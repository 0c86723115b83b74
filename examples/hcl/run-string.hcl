# A string is for a shell when it has characters that a shell would interpret. Only inputs of which every possible
# value is a plain word may stand in it: this pattern is proven to admit nothing else.

group "prod" {
  action "count-words" {
    description = "Count the letters of a word with a pipe"

    input "word" {
      pattern = "^[a-z][a-z0-9-]*$"
    }
    input "unit" {
      options = ["letters", "characters"]
      default = "letters"
    }

    run {
      command = "printf '%s' ${var.word} | wc -c | tr -d ' ' | sed 's/$/ ${var.unit}/'"
    }
  }
}
