a "one" {
}
b "one" "two" {
}
c bare {
}
d bare "quoted" bare-too {
}
e "" {
}
f "with \"quotes\" and \n" {
}
g "$${no}" "%%{no}" "$" {
}
