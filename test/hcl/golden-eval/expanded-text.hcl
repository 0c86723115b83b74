max(name...)
