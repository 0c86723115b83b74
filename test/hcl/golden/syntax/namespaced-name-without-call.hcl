a = core::max
b = core::(1)
