"hosts: ${list}"
