-- The checks of the Lua tests. A test file calls check.test(name, fn) for each test and check.finish() at its
-- end; a failed check stops its test, the others go on.
local check = { passed = 0, failed = 0 }

local function fail(message, level)
  error(message, (level or 1) + 2)
end

function check.ok(value, message)
  if not value then fail(message or "expected a true value") end
  check.passed = check.passed + 1
end

function check.equal(actual, expected, message)
  if actual ~= expected then
    fail(("%sgot %s, want %s"):format(message and message .. ": " or "", tostring(actual), tostring(expected)))
  end
  check.passed = check.passed + 1
end

function check.near(actual, expected, tolerance, message)
  if not (math.abs(actual - expected) <= tolerance) then
    fail(("%sgot %.9g, want %.9g +- %.3g"):format(message and message .. ": " or "", actual, expected, tolerance))
  end
  check.passed = check.passed + 1
end

local function flatten(value, out)
  if type(value) ~= "table" then
    out[#out + 1] = value
  else
    for _, item in ipairs(value) do flatten(item, out) end
  end
  return out
end

-- Tensors or (nested) tables, element by element; |a - b| <= tolerance * max(1, |b|).
function check.all_near(actual, expected, tolerance, message)
  local a = flatten(type(actual) == "userdata" and actual:totable() or actual, {})
  local b = flatten(type(expected) == "userdata" and expected:totable() or expected, {})
  if #a ~= #b then fail(("%s%d elements, want %d"):format(message and message .. ": " or "", #a, #b)) end
  for i = 1, #a do
    if not (math.abs(a[i] - b[i]) <= tolerance * math.max(1, math.abs(b[i]))) then
      fail(("%selement %d: got %.9g, want %.9g"):format(message and message .. ": " or "", i, a[i], b[i]))
    end
  end
  check.passed = check.passed + 1
end

-- fn(...) must raise an error whose text contains `text` (plain).
function check.fails(text, fn, ...)
  local ok, message = pcall(fn, ...)
  if ok then fail("expected an error containing \"" .. text .. "\"") end
  if not tostring(message):find(text, 1, true) then
    fail(("the error says \"%s\", want \"%s\""):format(tostring(message), text))
  end
  check.passed = check.passed + 1
end

-- A text contains each of the parts (plain).
function check.contains(text, ...)
  for _, part in ipairs { ... } do
    if not text:find(part, 1, true) then fail(("\"%s\" is not in:\n%s"):format(part, text)) end
    check.passed = check.passed + 1
  end
end

-- A text does not contain the part (plain).
function check.lacks(text, part)
  if text:find(part, 1, true) then fail(("\"%s\" is in:\n%s"):format(part, text)) end
  check.passed = check.passed + 1
end

-- A list of problems is empty; otherwise the error lists them, sorted.
function check.none(problems)
  table.sort(problems)
  if #problems > 0 then fail("\n  " .. table.concat(problems, "\n  ")) end
  check.passed = check.passed + 1
end

-- Runs a file of tests/lua once for each back end that works here, as a program of its own: the back end is chosen at
-- its first use. Those programs go on from here; the one that starts them ends.
function check.each_backend(name)
  if os.getenv "CALR_TEST_BACKEND" then return end
  local program, source, ran = os.getenv "CALR", os.getenv "CALR_TEST_SOURCE", 0
  for _, backend in ipairs { "portable", "onednn" } do
    local choose = ("CALR_BACKEND=%s CALR_TEST_BACKEND=%s '%s' "):format(backend, backend, program)
    if os.execute(choose .. "-e 'return calr.tensor{1} * calr.tensor{2}' >/dev/null 2>&1") then
      print("back end " .. backend)
      io.stdout:flush()
      ran = ran + 1
      check.ok(os.execute(choose .. ("'%s/tests/lua/%s.lua'"):format(source, name)), backend .. " failed")
    end
  end
  check.ok(ran > 0, "no back end works")
  check.finish()
end

function check.test(name, fn)
  local ok, message = xpcall(fn, debug.traceback)
  print((ok and "ok   " or "FAIL ") .. name)
  if not ok then
    check.failed = check.failed + 1
    io.stderr:write(name, ": ", tostring(message), "\n") -- an interrupt is a table
  end
end

function check.finish()
  print(("%d checks passed, %d tests failed"):format(check.passed, check.failed))
  os.exit(check.failed == 0 and check.passed > 0, true)
end

return check
