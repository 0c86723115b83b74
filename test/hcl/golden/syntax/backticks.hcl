name = `launch`
