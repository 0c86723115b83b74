# A run reports about itself while it goes on: with a token that is good for this one run, for status entries only, and
# that ends with the run. Where its commands reach the API is a setting of the agent: settings/agent.hcl.

group "prod" {
  action "copy" {
    description = "Copy the tables, and say how far it is"
    timeout     = "10m"
    token       = true

    input "tables" {
      type       = list(string)
      min_length = 1
    }

    operation {
      name = "begin"
      run {
        # The command line reads WAYSIDE_URL, WAYSIDE_TOKEN and WAYSIDE_RUN_ID, which every command of this action has.
        command = ["wayside", "run", "status", "begun", "--with", "tables=${length(var.tables)}"]
      }
    }
    operation {
      name = "tell"
      http {
        method = "POST"
        url    = "http://127.0.0.1:7400/v1/runs/${run.id}/status"
        headers = {
          Authorization = "Bearer ${run.token}"
        }
        body = jsonencode({
          message = "copied ${join(", ", var.tables)}"
          values  = { tables = var.tables }
          status  = "complete"
        })
        expect {
          status = [201]
        }
      }
    }
  }
}
