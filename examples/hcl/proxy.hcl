# A request through a proxy, with parameters that are encoded for the URL. Where operations may connect to at all is
# the `network` block of settings/agent.hcl.

group "prod" {
  action "search" {
    description = "Ask a service behind a proxy"

    input "text" {}
    input "page" {
      type    = number
      min     = 1
      default = 1
    }

    http {
      url   = "https://search.internal/v1/query"
      query = { q = var.text, page = var.page, field = ["title", "body"] }
      proxy = "http://10.0.0.2:3128"
    }

    output "matches" {
      value = operation.http.response.body
    }
  }
}
