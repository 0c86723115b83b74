# R11: the reference agent polls once a minute, does one run at a time and knows neither cancel, timeout nor
# streaming. Here three of these run side by side, each line arrives when it is printed, and each can be canceled.

group "regressions" {
  action "r11" {
    concurrency = 3
    timeout     = "1m"

    run {
      command = "echo first; sleep 20; echo last"
    }
  }
}
