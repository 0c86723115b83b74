# What `npm run demo` and `npm start` load: one group of actions that show what an agent does, and what it does
# when things go wrong. The address of the private service stands here and nowhere else.

agent {
  concurrency    = 4
  shutdown_grace = "2s"
  env_allow      = ["DEMO_DEPLOYER_KEY"]
  env_inherit    = ["DEMO_LEDGER"]

  network {
    # Loopback is denied unless it is named.
    allow = ["127.0.0.1:7499"]
  }
}

group "demo" {
  action "greet" {
    description = "Say hello three times, and print a token that must not be seen"
    timeout     = "30s"

    input "name" {
      type        = string
      description = "Who is greeted"
      pattern     = "^[A-Za-z]{1,40}$"
      default     = "world"
    }
    input "token" {
      type      = string
      sensitive = true
    }
    input "reveal" {
      type        = bool
      description = "Whether the token is printed, to show that it is masked"
      default     = true
    }

    run {
      # The script is a literal; inputs reach it as variables of its environment, never as shell text.
      command = ["sh", "-c", <<-SCRIPT
        for i in 1 2 3; do echo "hello $NAME, $i"; sleep 0.3; done
        if [ "$REVEAL" = true ]; then
          echo "the token is $TOKEN"
          echo "in base64 it is $(printf %s "$TOKEN" | base64)"
        fi
      SCRIPT
      ]
      env = {
        NAME   = var.name
        TOKEN  = var.token
        REVEAL = tostring(var.reveal)
      }
    }
  }

  action "promote" {
    description = "Ask a private service to promote a release, with a key that only this agent has"
    timeout     = "30s"

    input "version" {
      type        = string
      description = "Release tag, for instance v1.2.3"
      pattern     = "^v[0-9]+\\.[0-9]+\\.[0-9]+$"
    }

    operation {
      name = "deploy"
      http {
        method  = "POST"
        url     = "http://127.0.0.1:7499/promote/${var.version}"
        headers = { X-Deployer-Key = env("DEMO_DEPLOYER_KEY") }
        body    = jsonencode({ version = var.version, run = waypoint.run_id })
        timeout = "5s"
        expect {
          status = [200]
        }
      }
    }
    operation {
      status {
        message = "promoted ${var.version}"
        values  = { version = var.version, answer = operation.deploy.response.status }
        status  = "complete"
      }
    }
    output "deployment" {
      value = jsondecode(operation.deploy.response.body).deployment
    }
  }

  action "pipeline" {
    description = "Three steps, of which the second fails unless it is told not to"
    timeout     = "30s"

    input "healthy" {
      type    = bool
      default = false
    }

    operation {
      name = "build"
      run {
        command = ["sh", "-c", "echo built; echo build >> \"$DEMO_LEDGER\""]
      }
    }
    operation {
      name = "test"
      run {
        command = ["sh", "-c", "[ \"$HEALTHY\" = true ] || { echo '3 tests failed' >&2; exit 3; }"]
        env     = { HEALTHY = tostring(var.healthy) }
      }
    }
    operation {
      name = "deploy"
      run {
        command = ["sh", "-c", "echo deploy >> \"$DEMO_LEDGER\""]
      }
    }
    operation {
      name   = "notify"
      always = true
      status {
        message = "the pipeline is over"
      }
    }
  }

  action "soak" {
    description = "Run for five minutes, with children that try to get away"
    timeout     = "6m"

    run {
      command = ["sh", "-c", "sleep 300 & setsid sleep 300 & echo \"started $$\"; wait"]
    }
  }

  action "ping" {
    description = "Print one word, to see how long a press takes"
    timeout     = "30s"

    input "delay" {
      type    = number
      min     = 0
      max     = 10
      default = 0
    }

    run {
      command = ["sh", "-c", "[ \"$DELAY\" = 0 ] || sleep \"$DELAY\"; echo pong"]
      env     = { DELAY = tostring(var.delay) }
    }
  }
}
