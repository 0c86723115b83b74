sensitive("hunter2") * 2
