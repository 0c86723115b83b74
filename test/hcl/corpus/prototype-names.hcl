__proto__ = 1
constructor = { __proto__ = 1, toString = 2 }
hasOwnProperty "valueOf" {}
a = x.__proto__.constructor
