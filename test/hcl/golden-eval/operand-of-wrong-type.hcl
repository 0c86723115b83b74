count > 2 && list
