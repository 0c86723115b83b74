{ region = "eu", replicas = 3 }.zone
