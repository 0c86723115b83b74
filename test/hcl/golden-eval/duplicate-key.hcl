{ for tag in ["a", "b", "a"]: tag => true }
