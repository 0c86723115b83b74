# R5: for the reference agent a 500 is a success, every request is a GET and nothing times out.

group "regressions" {
  action "r05" {
    http {
      method  = "PUT"
      url     = "http://127.0.0.1/r05"
      headers = { X-Header = "sent" }
      body    = "sent"
      timeout = "2s"
      expect {
        status = [204]
      }
    }
  }
}
