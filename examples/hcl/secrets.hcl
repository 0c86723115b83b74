# Three ways to a secret that never leaves the private network, and one that arrives sealed. All are masked in
# everything that the agent sends.

group "prod" {
  action "login" {
    description = "Use secrets without showing them"

    input "token" {
      description = "Sealed to the agent that runs this"
      sensitive   = true
      min_length  = 8
    }

    operation {
      name = "use"
      run {
        command = "printf 'token %s, registry %s\\n' \"$TOKEN\" \"$REGISTRY\" && test -n \"$KEY\""
        env = {
          TOKEN    = var.token
          REGISTRY = secret("REGISTRY_TOKEN")
          KEY      = env("DEPLOYER_KEY")
        }
      }
    }
    operation {
      name      = "what comes back is secret too"
      sensitive = true
      run {
        command = ["sh", "-c", "printf '%s' \"$TOKEN\" | rev"]
        env     = { TOKEN = var.token }
      }
    }

    output "host" {
      value     = trimspace(file("/etc/hostname"))
      sensitive = true
    }
  }
}
