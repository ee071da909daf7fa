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

check.test("functions that count their arguments", function()
  local functions = options.counted("part.", { two = function(_, b) return b end, any = function(...) return ... end,
    none = function() return 1 end, hot = function(a) return a end }, { hot = true })
  check.equal(functions.two(1, 2), 2)
  check.equal(functions.two(1, 2, nil, nil), 2)
  check.fails("part.none() takes no arguments, and 2 were given", functions.none, nil, 5)
  check.fails("part.two(_, b) takes at most 2 arguments, and 3 were given", functions.two, 1, 2, 3)
  check.equal(select("#", functions.any(1, nil, nil)), 3)
  check.equal(functions.hot(1, 2), 1)
  local methods = options.counted("thing:", { get = function(self, key) return self[key] end })
  check.equal(methods.get({ x = 4 }, "x"), 4)
  check.fails("thing:get(key) takes at most 1 argument, and 2 were given", methods.get, {}, "x", 1)
  local line = debug.getinfo(1, "l").currentline + 1
  local _, message = pcall(function() functions.none(1) end)
  check.equal(message:match ":(%d+):", tostring(line))
end)

check.test("the library's functions count their arguments: tests/lua/test_counted.lua has all of them", function()
  check.fails("calr.nn.relu() takes no arguments, and 1 was given", require("calr.nn").relu, true)
  check.fails("calr.optim.sgd(params, options) takes at most 2 arguments, and 3 were given",
    require("calr.optim").sgd, {}, {}, 1)
end)

check.test("counting as a tail call is refused: it could not see the file", function()
  check.fails("put it in parentheses", function() return options.counted("part.", {}) end)
end)

check.finish()
