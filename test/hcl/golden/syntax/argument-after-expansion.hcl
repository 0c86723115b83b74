a = max(numbers..., 5)
