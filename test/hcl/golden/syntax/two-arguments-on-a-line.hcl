method = "POST" url = "http://x/"
