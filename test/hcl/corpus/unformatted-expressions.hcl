a=( 1+2 )*3
b=- x
c=! y
d=x [ 0 ] . y
e=x . * . y
f=x ?y:z
g=f (x ,y ... )
h=[ for  x in y:x  if z ]
i={for k,v in m:k=>v ...}
j="${ x }%{ if  y }z%{  endif  }"
k=[1 ,]
l=a&&b||!c
