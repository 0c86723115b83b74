# Steps run in the order of the file. The first failure ends the run, unless the step says otherwise; what must be
# done in any case says `always`.

group "prod" {
  action "migrate" {
    description = "Stops at the first failure, and cleans up"

    operation {
      name = "take the lock"
      run {
        command = ["echo", "lock taken"]
      }
    }
    operation {
      name       = "warm the cache"
      on_failure = "continue"
      run {
        command = "echo 'no cache here' && exit 3"
      }
    }
    operation {
      name    = "migrate"
      timeout = "1m"
      run {
        command = "echo 'migration failed' >&2; exit 7"
      }
    }
    operation {
      name = "never done"
      run {
        command = ["echo", "after the failure"]
      }
    }
    operation {
      name   = "release the lock"
      always = true
      run {
        command = ["echo", "lock released"]
      }
    }
  }
}
