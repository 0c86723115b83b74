{ (nested) = 1 }
