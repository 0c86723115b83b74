a = { for k, v in m : k => v }
b = { for x in y : x.id => x }
c = { for x in y : x.id => x... }
d = { for k, v in m : k => v if v != null }
e = {
  for k, v in m :
  upper(k) => lower(v)...
  if k != ""
}
