map["q"]
