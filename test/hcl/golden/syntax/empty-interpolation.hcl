url = "http://${}/"
