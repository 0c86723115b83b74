"region: ${nothing}"
