jsondecode("{\"a\": 1,}")
