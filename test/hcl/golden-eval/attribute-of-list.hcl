nested.id
