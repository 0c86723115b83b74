run = {
}
action "launch" = {
}
