[for name in list: uper(name)]
