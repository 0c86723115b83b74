command = [
  "./launch.sh"
  "-delay",
]
