# Nothing goes on for ever: a step has its time, the whole action has its own. Then the process and everything that
# it started is stopped, also what moved to a session of its own.

group "prod" {
  action "wait" {
    description = "Starts a tree of processes and waits; cancel it, or it times out"
    timeout     = "2m"

    input "seconds" {
      type    = number
      min     = 0
      max     = 3600
      default = 30
    }

    run {
      command = "sleep ${var.seconds} & sleep ${var.seconds} & echo waiting; wait"
    }
  }

  action "too-slow" {
    description = "Its step may take a second and wants a minute"

    operation {
      name    = "slow step"
      timeout = "1s"
      run {
        command = ["sleep", "60"]
      }
    }
  }
}
