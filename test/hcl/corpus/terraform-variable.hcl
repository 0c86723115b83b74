variable "users" {
  type = map(object({
    name = string
    age  = optional(number, 18)
  }))
  default = {}
}

output "names" {
  value = [for u in var.users : upper(u.name) if u.age >= 18]
}
