command = "echo ${HOME:-/root}"
