action "launch" {
}
}
