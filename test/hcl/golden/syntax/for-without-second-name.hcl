a = { for k, in m : k => 1 }
