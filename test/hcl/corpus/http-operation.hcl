operation {
  http {
    method  = "POST"
    url     = "https://deployer.internal/promote/${var.version}"
    headers = {
      Authorization = "Bearer ${var.token}"
      X-Signing-Key = env("DEPLOYER_KEY")
    }
    body = jsonencode({ version = var.version, run = waypoint.run_id })
    expect {
      status = [200, 202]
    }
  }
}
