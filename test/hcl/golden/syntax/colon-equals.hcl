timeout := "15m"
