action launch.now {
}
