"deploy ${nam} to ${count} hosts"
