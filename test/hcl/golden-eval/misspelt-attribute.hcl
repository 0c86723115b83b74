{ region = "eu", replicas = 3 }.replica
