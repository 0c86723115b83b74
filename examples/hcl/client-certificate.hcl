# A request to a service that knows its clients by certificate and is itself signed by a private authority.

group "prod" {
  action "rotate-keys" {
    description = "Mutual TLS"

    http {
      method           = "POST"
      url              = "https://vault.internal/v1/rotate"
      timeout          = "10s"
      follow_redirects = 0
      max_response     = "64KiB"
      tls {
        ca_file     = "/etc/wayside/private-ca.pem"
        cert_file   = "/etc/wayside/agent.pem"
        key_file    = "/etc/wayside/agent.key"
        server_name = "vault.internal"
        min_version = "1.3"
      }
      expect {
        status = ["2xx"]
      }
    }
  }
}
