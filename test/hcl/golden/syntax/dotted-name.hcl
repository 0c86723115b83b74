http.method = "POST"
