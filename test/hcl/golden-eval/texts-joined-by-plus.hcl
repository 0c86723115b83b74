"release-" + name
