-- calr.sys: files made once, files that others add to, signs of life, other processes.
local check = require "check"
local sys = require "calr.sys"

local calr = os.getenv "CALR"

check.test("a new file is made once, whole", function()
  check.equal(sys.link_new("one", "first\n"), true)
  check.equal(sys.link_new("one", "second\n"), false)
  check.equal(sys.read_file "one", "first\n")
  check.equal(sys.link_new("empty", ""), true)
  check.equal(sys.stat("empty").size, 0)
  check.equal(table.concat(sys.list ".", " "), "empty one") -- nothing stays aside
  check.fails("cannot write no/such/file: No such file", sys.link_new, "no/such/file", "x")
  sys.make_folder "folder"
  check.equal(sys.link_new("folder", "x"), false)
end)

check.test("a name is given to one file", function()
  sys.write_file("mine", "me")
  sys.write_file("theirs", "they")
  check.equal(sys.link("mine", "name"), true)
  check.equal(sys.link("mine", "name"), true) -- as when the answer to the call was lost
  check.equal(sys.link("theirs", "name"), false)
  check.equal(sys.read_file "name", "me")
  check.fails("cannot write no/such: No such file", sys.link, "mine", "no/such")
  check.fails("cannot write other: No such file", sys.link, "absent", "other")
  if sys.is_folder "/dev/shm" then
    local path = "/dev/shm/calr-test-" .. sys.pid()
    local made = sys.link("mine", path)
    if made then sys.remove(path) end
    check.ok(made == nil or made == true) -- another file system, usually
  end
end)

check.test("of many processes one makes a file", function()
  local code = [[local n = 0
    for i = 1, 200 do if calr.sys.link_new("race-" .. i, "") then n = n + 1 end end
    print(n)]]
  local processes = {}
  for i = 1, 4 do
    processes[i] = sys.spawn { command = { calr, "-e", code }, stdout = "race.txt" }
  end
  for _, process in ipairs(processes) do check.equal(process:wait(60), 0) end
  local sum = 0
  for n in sys.read_file("race.txt"):gmatch "%d+" do sum = sum + tonumber(n) end
  check.equal(sum, 200)
end)

check.test("reading from an offset", function()
  sys.write_file("grow", "0123456789")
  check.equal(sys.read_from("grow", 0), "0123456789")
  check.equal(sys.read_from("grow", 4), "456789")
  check.equal(sys.read_from("grow", 4, 3), "456")
  check.equal(sys.read_from("grow", 10), "")
  check.equal(sys.read_from("grow", 1000), "")
  check.equal(sys.read_from("absent", 0), nil)
  check.fails("cannot read grow/x: Not a directory", sys.read_from, "grow/x", 0)
  check.fails("not negative", sys.read_from, "grow", -1)
  check.fails("a limit is from", sys.read_from, "grow", 0, 0)
  check.fails("Is a directory", sys.read_from, ".", 0)
end)

check.test("a heartbeat counts, and its lock tells who lives", function()
  local log = sys.append "log"
  local heart = sys.heartbeat("a.beat", 0.01, log)
  local count, held = sys.pulse "a.beat"
  check.ok(count >= 1)
  check.equal(held, true)
  sys.sleep(0.2)
  local later = sys.pulse "a.beat"
  check.ok(later > count)
  check.ok(heart:count() >= later)
  check.equal(heart:problem(), nil)
  log:close()
  sys.sleep(0.03) -- the thread has a descriptor of its own
  check.equal(heart:problem(), nil)
  heart:close()
  heart:close()
  check.equal(heart:problem(), nil)
  count, held = sys.pulse "a.beat"
  check.equal(held, false)
  sys.sleep(0.05)
  check.equal(sys.pulse "a.beat", count)
  check.equal(sys.pulse "absent", nil)
  sys.write_file("damaged.beat", "hello")
  check.equal(sys.pulse "damaged.beat", nil)
  check.fails("cannot write no/such.beat", sys.heartbeat, "no/such.beat", 1)
  check.fails("a time from", sys.heartbeat, "b.beat", 0)
  check.fails("it was closed", sys.heartbeat, "b.beat", 1, log)
end)

check.test("of another machine's process nothing is known but its count", function()
  sys.heartbeat("c.beat", 10):close()
  local text = sys.read_file("c.beat"):gsub("%x+%-%x+%-%x+%-%x+%-%x+", "00000000-0000-0000-0000-000000000000")
  sys.write_file("c.beat", text)
  local count, held = sys.pulse "c.beat"
  check.equal(count, 1)
  check.equal(held, nil)
end)

check.test("a disk that is full at the start is an error", function()
  check.fails("cannot write /dev/full: No space left", sys.heartbeat, "/dev/full", 1)
end)

check.test("signals go to the main thread, not to the heartbeat", function()
  local code = [[
    local heart <close> = calr.sys.heartbeat("signal.beat", 0.001)
    print "ready"
    io.stdout:flush()
    calr.sys.sleep(60)]]
  local process = sys.spawn { command = { calr, "-e", code }, stdout = "signal.txt", stderr = "signal.txt" }
  for _ = 1, 1000 do
    if sys.exists "signal.txt" and sys.read_file "signal.txt" == "ready\n" then break end
    sys.sleep(0.01)
  end
  local _, held = sys.pulse "signal.beat"
  check.equal(held, true)
  process:kill "INT"
  check.equal(process:wait(10), 130)
  check.equal(select(2, sys.pulse "signal.beat"), false)
end)

check.test("a killed or stopped process", function()
  local code = [[local heart <close> = calr.sys.heartbeat("k.beat", 0.005) calr.sys.sleep(60)]]
  local process = sys.spawn { command = { calr, "-e", code } }
  repeat sys.sleep(0.01) until sys.pulse "k.beat"
  process:kill "STOP"
  sys.sleep(0.05)
  local count, held = sys.pulse "k.beat"
  sys.sleep(0.1)
  check.equal(sys.pulse "k.beat", count)
  check.equal(held, true)
  process:kill "CONT"
  sys.sleep(0.1)
  check.ok(sys.pulse "k.beat" > count)
  process:kill "KILL"
  local status, signal = process:wait()
  check.equal(status, 137)
  check.equal(signal, 9)
  check.equal(select(2, sys.pulse "k.beat"), false)
end)

check.test("spawn", function()
  local p <close> = sys.spawn { command = { "sh", "-c", "echo $WHO; echo problem >&2; read x; echo [$x]; exit 3" },
    env = { WHO = "me", HOME = false }, stdout = "out.txt", stderr = "err.txt" }
  check.equal(p:wait(), 3)
  check.equal(p:wait(0), 3)
  check.equal(p:kill(), false)
  check.equal(sys.read_file "out.txt", "me\n[]\n")
  check.equal(sys.read_file "err.txt", "problem\n")
  local home <close> = sys.spawn { command = { "sh", "-c", "echo ${HOME-none} ${PATH:+path}" }, env = { HOME = false },
    stdout = "out.txt", stderr = "out.txt" }
  home:wait()
  check.equal(sys.read_file "out.txt", "me\n[]\nnone path\n") -- added, not written over
  local q <close> = sys.spawn { command = { "sleep", "60" } }
  check.equal(q:wait(0.02), nil)
  check.ok(q:pid() > 0)
  check.equal(q:kill "TERM", true)
  check.equal(select(2, q:wait()), 15)
  q:close()
  q:close()
  -- ignored and blocked signals of this process are not passed on
  local r <close> = sys.spawn { command = { "sh", "-c", "kill -PIPE $$; exit 1" } }
  check.equal(select(2, r:wait()), 13)
  check.fails("cannot start /no/such: No such file", sys.spawn, { command = { "/no/such" } })
  check.fails("cannot write no/such: No such file", sys.spawn, { command = { "true" }, stdout = "no/such" })
  check.fails("command is a list", sys.spawn, {})
  check.fails("command is a list", sys.spawn, { command = {} })
  check.fails("entry 2 is a boolean", sys.spawn, { command = { "true", true } })
  check.fails("env is a table", sys.spawn, { command = { "true" }, env = { A = 1 } })
  check.fails("did you mean \"command\"", sys.spawn, { comand = { "true" } })
  check.fails("SIGTERM", p.kill, p, "SIGTERM")
end)

check.finish()
