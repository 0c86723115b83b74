command = [
  "./launch.sh",
