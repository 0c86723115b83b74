a=1
bbbb   =   2

cc= 3 # x
  ddd =4   # y
block   "label"{
      e=[1,2 ,3]
   f ={g=1,h:2}
         }
