count > 2 ? "all" : list
