local check = require "check"
local code = require "calr.lab.study.code"
local sys = require "calr.sys"

local folder = os.getenv "CALR_TEST_TMP" or "."

local function hash(text)
  return sys.hash(code.normalise(text))
end

check.test("comments, white space and the place in the file do not count", function()
  local plain = "local a = 1 return a -- one"
  check.equal(code.normalise(plain), "local a = 1 return a")
  check.equal(hash(plain), hash "\n\nlocal a   = 1 --[[ long\n comment ]] return\n\ta")
  check.equal(hash(plain), hash "--[==[ ]] ]==]local a = 1 return a")
  check.equal(hash "#!/usr/bin/env calr\nreturn 1", hash "return 1")
  check.ok(hash "return 1" ~= hash "return 2")
  check.ok(hash "local ab = 1" ~= hash "local a b = 1")
end)

check.test("strings count to the letter", function()
  check.ok(hash 'return "a  b"' ~= hash 'return "a b"')
  check.ok(hash 'return [[a  b]]' ~= hash 'return [[a b]]')
  check.equal(code.normalise 'return "--[[ no comment"  -- but this is', 'return "--[[ no comment"')
  check.equal(code.normalise [[return 'a\'-- b' , 1]], [[return 'a\'-- b' , 1]])
  check.equal(code.normalise "return [==[ ]] -- ]==] -- x", "return [==[ ]] -- ]==]")
  check.equal(code.normalise "return a[b[1]] - -1", "return a[b[1]] - -1")
  check.equal(code.normalise 'return "unfinished', 'return "unfinished')
  check.equal(code.normalise "return [[unfinished", "return [[unfinished")
  check.equal(code.normalise "", "")
end)

local function load_function(text)
  local path = folder .. "/fn.lua"
  sys.write_file(path, text)
  return dofile(path)
end

check.test("a function: its text, what it captured, the functions it reaches, the modules it requires", function()
  local helper, main = "local function f(x) return x * k end\n", "return function(t) return f(t) end"
  local base = code.of_function(load_function("local k = 2\n" .. helper .. main))
  local function changed(text) return code.hash(code.of_function(load_function(text))) ~= code.hash(base) end
  check.ok(not changed("-- moved\n\n\nlocal k = 2\n" .. helper .. main .. " -- still"))
  check.ok(changed("local k = 3\n" .. helper .. main), "captured value")
  check.ok(changed("local k = 2\nlocal function f(x) return x + k end\n" .. main), "helper")
  check.ok(changed("local k = 2\n" .. helper .. "return function(t) return f(t) + 1 end"), "itself")
  sys.write_file(folder .. "/own_module.lua", "return 1 -- a\n")
  package.path = folder .. "/?.lua;" .. package.path
  local text = "return function() return require 'own_module' end"
  local parts = code.of_function(load_function(text))
  check.ok(parts["module own_module"], "a module")
  sys.write_file(folder .. "/own_module.lua", "return 2\n")
  local now = code.of_function(load_function(text))
  check.equal(code.difference(now, parts)[1], "module own_module has changed")
  check.equal(#code.difference(now, now), 0)
end)

check.test("the files that a configuration names are code", function()
  local rule = folder .. "/rule.lua"
  sys.write_file(rule, "return function(c) return c.global end\n")
  local plain = { ["function"] = "1" }
  check.equal(code.with_files(plain, { refine = "pivot" }), plain, "none: the same table")
  local with = code.with_files(plain, { refine = rule })
  check.ok(code.hash(with) ~= code.hash(plain))
  sys.write_file(rule, "-- a word\nreturn function(c) return c.global end\n")
  check.equal(code.hash(code.with_files(plain, { refine = rule })), code.hash(with), "a comment")
end)

check.finish()
