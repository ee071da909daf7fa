-- calr.options: what functions written in Lua say of options that they do not have.
local check = require "check"
local options = require "calr.options"

local function f(given)
  local checked = options.check("f", given, { "alpha", "beta" })
  return checked
end

check.test("known options pass, and none is an empty table", function()
  local given = { alpha = 1 }
  check.equal(f(given), given)
  check.equal(next(f()), nil)
end)

check.test("a stranger is named, with what was meant, at the line of the caller", function()
  check.fails("f has no option \"alhpa\" (did you mean \"alpha\"?); there are: alpha, beta", f, { alhpa = 1 })
  check.fails("f has no option \"1\"; there are: alpha, beta", f, { 5 })
  check.fails("f wants a table of options, not a number", f, 3)
  local line = debug.getinfo(1, "l").currentline + 1
  local ok, message = pcall(function() f { gamma = 1 } end)
  check.equal(ok, false)
  check.equal(message:match ":(%d+):", tostring(line))
end)

check.finish()
