# May be done again when the agent died in the middle of it. Without `idempotent = true` such a run ends as
# indeterminate, and a person decides.

group "prod" {
  action "sync" {
    description = "Doing it twice is as good as once"
    idempotent  = true

    run {
      command = ["sh", "-c", "mkdir -p \"$1\" && echo synced", "sync", "/tmp/wayside-example"]
    }
  }
}
