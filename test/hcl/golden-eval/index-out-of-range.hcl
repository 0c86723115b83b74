list[count]
