# R8: of two groups with one name the reference agent takes the last without a word. Here it is an error.

group "regressions" {
  action "r08-first" {
    run {
      command = ["echo", "first"]
    }
  }
}

group "regressions" {
  action "r08-second" {
    run {
      command = ["echo", "second"]
    }
  }
}
