"timeout" = "15m"
