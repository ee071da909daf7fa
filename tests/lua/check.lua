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
