labels = {
  com.example.name "x"
}
