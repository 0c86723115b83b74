# R7: the reference agent drops the second `run` block without a word. Here it is an error.

group "regressions" {
  action "r07" {
    run {
      command = ["echo", "first"]
    }
    run {
      command = ["echo", "second"]
    }
  }
}
