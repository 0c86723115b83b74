timeout == "15m"
