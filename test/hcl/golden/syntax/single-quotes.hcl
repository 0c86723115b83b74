name = 'launch'
