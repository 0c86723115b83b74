action "launch-${var.region}" {
}
