nested["id"]
