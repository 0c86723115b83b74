[for letter in name: upper(letter)]
