-- calr.sys: files, folders, locks, time, hashes.
local check = require "check"
local sys = require "calr.sys"

check.test("files are written whole", function()
  sys.write_file("a.txt", "one\0two")
  check.equal(sys.read_file "a.txt", "one\0two")
  sys.write_file("a.txt", "")
  check.equal(sys.read_file "a.txt", "")
  check.equal(sys.stat("a.txt").size, 0)
  check.equal(sys.stat("a.txt").kind, "file")
  check.equal(sys.stat "absent", nil)
  check.ok(math.abs(sys.stat("a.txt").mtime - sys.time()) < 100)
  check.fails("cannot open absent: No such file", sys.read_file, "absent")
  check.fails("it is a folder", sys.read_file, ".")
  check.fails("cannot write no/such/file: No such file", sys.write_file, "no/such/file", "x")
  check.fails("/dev/full", function() sys.append("/dev/full"):write "x" end)
  check.fails("No space left", function() sys.append("/dev/full"):write "x" end)
end)

check.test("folders", function()
  sys.make_folder "f/g/h"
  sys.make_folder "f/g/h"
  check.ok(sys.is_folder "f/g/h" and sys.exists "f" and not sys.is_folder "a.txt")
  for _, name in ipairs { "b", "a", "C" } do sys.write_file("f/" .. name, "") end
  check.equal(table.concat(sys.list "f", " "), "C a b g")
  check.equal(#sys.list "f/g/h", 0)
  check.fails("cannot list the folder absent", sys.list, "absent")
  sys.check_writable "f"
  check.fails("cannot write in the folder absent: No such file", sys.check_writable, "absent")
  check.fails("cannot write in the folder f/b/: Not a directory", sys.check_writable, "f/b/")
  check.fails("cannot remove f", sys.remove, "f")
  sys.rename("f/a", "f/z")
  check.equal(table.concat(sys.list "f", " "), "C b g z")
  sys.remove "f/z"
  check.fails("cannot rename f/z to f/y", sys.rename, "f/z", "f/y")
  check.equal(sys.absolute "f/../f", sys.current_folder() .. "/f")
  check.fails("cannot find absent", sys.absolute, "absent")
  check.fails("cannot make the folder a.txt", sys.make_folder, "a.txt/x")
end)

check.test("files that grow", function()
  do
    local file <close> = sys.append "log"
    file:write "one\n"
    file:write "two\n"
    file:sync()
    check.equal(file:size(), 8)
    check.equal(sys.read_file "log", "one\ntwo\n")
    file:close()
    check.fails("it was closed", file.write, file, "x")
  end
  sys.truncate("log", 4)
  check.equal(sys.read_file "log", "one\n")
  local again = sys.append "log"
  again:write "three\n"
  again:close()
  again:close()
  check.equal(sys.read_file "log", "one\nthree\n")
end)

check.test("a lock has one holder", function()
  local lock = sys.lock "lock"
  local other, holder = sys.lock "lock"
  check.equal(other, nil)
  check.equal(holder, tostring(sys.pid()))
  lock:release()
  lock:release()
  local third <close> = sys.lock "lock"
  check.ok(third)
  check.fails("cannot open no/such/lock", sys.lock, "no/such/lock")
end)

check.test("hashes", function()
  check.equal(sys.hash "", "99aa06d3014798d86001c324468d497f") -- XXH3-128 of nothing, from its specification
  sys.write_file("h", "abc")
  check.equal(sys.hash_file "h", sys.hash "abc")
  check.ok(sys.hash "abc" ~= sys.hash "abd")
end)

check.test("CRC32C", function()
  -- RFC 3720, appendix B.4, and the check value of the catalogues.
  check.equal(sys.crc32c "", 0)
  check.equal(sys.crc32c "123456789", 0xe3069283)
  check.equal(sys.crc32c(("\0"):rep(32)), 0x8a9136aa)
  check.equal(sys.crc32c(("\255"):rep(32)), 0x62a8ab43)
  local up, down = {}, {}
  for i = 0, 31 do up[i + 1], down[i + 1] = i, 31 - i end
  check.equal(sys.crc32c(string.char(table.unpack(up))), 0x46dd794e)
  check.equal(sys.crc32c(string.char(table.unpack(down))), 0x113fdb5c)
end)

check.test("time, threads, names", function()
  local before = sys.clock()
  sys.sleep(0.02)
  check.ok(sys.clock() - before >= 0.02)
  check.fails("a time", sys.sleep, -1)
  check.equal(sys.threads(), 2)
  check.equal(sys.threads(3), 3)
  check.equal(sys.threads(), 3)
  sys.threads(2)
  check.fails("1 to 1024", sys.threads, 0)
  check.ok(sys.processors() >= 1 and #sys.hostname() > 0 and sys.terminal_width() >= 20)
  check.equal(sys.interrupted(), nil)
  check.equal(sys.is_interrupt "interrupted", false)
  sys.setenv("CALR_TEST_VARIABLE", "x")
  check.equal(os.getenv "CALR_TEST_VARIABLE", "x")
  sys.setenv "CALR_TEST_VARIABLE"
  check.equal(os.getenv "CALR_TEST_VARIABLE", nil)
  check.equal(sys.nearest("epoch", { "lr", "epochs" }), "epochs")
  check.equal(sys.nearest("epoch", { "lr" }), nil)
  check.ok(sys.version.calr and sys.paths.home)
  check.ok(#sys.info().blas_core > 0)
end)

check.test("a warning is remembered and disturbs nothing", function()
  check.equal(sys.warned(), false)
  local before = sys.clock()
  os.execute(("(sleep .1; kill -USR1 %d; kill -USR1 %d) &"):format(sys.pid(), sys.pid()))
  sys.sleep(0.3)
  check.ok(sys.clock() - before >= 0.3)
  check.equal(sys.warned(), true)
  check.equal(sys.interrupted(), nil)
  local pipe <close> = io.popen("kill -USR1 " .. sys.pid() .. "; sleep .1; echo read") -- not "Interrupted system call"
  check.equal(pipe:read "a", "read\n")
end)

check.test("a warning at any moment of the program's start ends nothing", function()
  local program = sys.paths.executable
  for _ = 1, 8 do
    -- Warned again and again from the first moment; a shell that ignores the signal hands that on.
    local command = ([[trap '' USR1
      '%s' -e 'while not calr.sys.warned() do calr.sys.sleep(.01) end print(true)' & pid=$!
      (while kill -USR1 $pid 2>/dev/null; do sleep .002; done) & killer=$!
      wait $pid; kill $killer]]):format(program)
    local pipe <close> = io.popen(command)
    check.equal(pipe:read "a", "true\n")
  end
end)

check.test("the library is loaded by name", function()
  local calr = require "calr"
  check.equal(calr.sys, sys)
  check.equal(calr.no_grad, require("calr.autograd").no_grad)
  check.fails("no part \"tensors\" (did you mean \"tensor\"?)", function() return calr.tensors end)
end)

check.test("a folder that was listed is closed at once, not by the collector", function()
  collectgarbage "stop"
  local open = #sys.list "/proc/self/fd"
  for _ = 1, 50 do sys.list "." end
  for _ = 1, 50 do pcall(sys.list, "no such folder") end
  check.equal(#sys.list "/proc/self/fd", open)
  collectgarbage "restart"
end)

check.test("a device, a pipe or a folder is not written over", function()
  check.fails("a device or a pipe", sys.write_file, "/dev/null", "x")
  check.fails("a folder", sys.write_file, "/tmp", "x")
end)

check.finish()
