resource "aws_instance" "web" {
  ami           = data.aws_ami.ubuntu.id
  instance_type = var.size == "big" ? "m5.large" : "t3.micro"
  count         = length(var.zones)
  tags = merge(var.tags, {
    Name = "web-${count.index}"
  })
  lifecycle { ignore_changes = [tags] }
}
