timeadd("yesterday", "1h")
