-- The prompt without its terminal: locals that are kept, completion, help, and how values are shown. What needs keys is
-- in tests/cli/test_prompt.sh.
local calr = require "calr"
local check = require "check"
local complete = require "calr.program.prompt.complete"
local manual = require "calr.program.prompt.manual"
local names = require "calr.program.prompt.names"
local show = require "calr.program.prompt.show"
local sys = require "calr.sys"
local T = calr.tensor

-- ---- locals ----

local function keeps(source, text, declared)
  local kept, list = names.keep(source)
  check.equal(kept, text)
  check.equal(table.concat(list, " "), declared)
  check.ok(load(kept), kept)
end

check.test("locals of the outermost level become assignments", function()
  keeps("local x = 1", " x = 1", "x")
  keeps("local x", " x = nil", "x")
  keeps("local a, b = f()", " a, b = f()", "a b")
  keeps("local a, b; print(a)", " a, b = nil; print(a)", "a b")
  keeps("local function f() local y = 2 return y end", " function f() local y = 2 return y end", "f")
  keeps("local x <const> = 5\nlocal y = x", " x  = 5\n y = x", "x y")
  keeps("local x <const>", " x  = nil", "x")
  keeps("print 'local x = 1' -- local y", "print 'local x = 1' -- local y", "")
  keeps("x = [[\nlocal z\n]]", "x = [[\nlocal z\n]]", "")
end)

check.test("locals of blocks and <close> variables stay what they are", function()
  for _, source in ipairs { "do local x = 1 end", "for i = 1, 2 do local x = i end", "while false do local x end",
    "repeat local x = 1 until x", "if x then local y elseif z then local y else local y end",
    "f = function() local x end", "local f <close> = setmetatable({}, { __close = print })",
    "local a, f <close> = 1" } do
    keeps(source, source, "")
  end
  keeps("do local x end local y = 1", "do local x end  y = 1", "y")
end)

check.test("what is kept hides globals, and modules do not see it", function()
  local variables, declare = names.new()
  local function run(source)
    local kept, list = names.keep(source)
    for _, name in ipairs(list) do declare(name) end
    return assert(load(kept, "=prompt", "t", variables))()
  end
  run "local string = 5"
  check.equal(run "return string", 5)
  check.equal(type(string), "table")
  run "string = nil"
  check.equal(run "return string", nil)
  check.equal(type(string), "table")
  run "local table = table; local n = 0; for _ in pairs { 1, 2 } do n = n + 1 end"
  check.equal(run "return n, table" , 2)
  run "prompt_global = 7"
  check.equal(_G.prompt_global, 7)
  _G.prompt_global = nil
  check.equal(pcall(run, "local before = 3; error 'x'"), false)
  check.equal(run "return before", 3) -- an error loses nothing
end)

-- ---- completion ----

local here = { x = T { 1, 2 }, net = calr.models.small(), opt = nil, text = "a" }
here.opt = calr.optim.sgd(here.net:parameters(), { lr = 0.1 })
local variables = setmetatable(here, { __index = setmetatable({ calr = calr }, { __index = _G }) })

local function inserts(text, wanted)
  local insert = complete(text, variables)
  if insert ~= wanted then error(("%s: inserts \"%s\", not \"%s\""):format(text, insert, wanted), 2) end
  check.ok(true)
end

local function lists(text, ...)
  local insert, listing = complete(text, variables)
  check.equal(insert, "")
  for _, word in ipairs { ... } do
    local absent = word:match "^!(.*)"
    local found = (" " .. (listing or ""):gsub("\n", " ") .. " "):find(" " .. (absent or word) .. " ", 1, true)
    if (found == nil) ~= (absent ~= nil) then error(("%s: %s in\n%s"):format(text, word, listing), 2) end
    check.ok(true)
  end
end

check.test("modules, functions, methods, global names and keywords", function()
  inserts("calr.autogr", "ad")
  inserts("y = calr.nn.batch_n", "orm")
  inserts("calr.cluster.dbs", "can")
  inserts("colle", "ctgarbage")
  inserts("functio", "n")
  lists("calr.models.", "small", "resnet50", "osnet_x1_0")
  lists("x:re", "relu", "reshape", "repeat_interleave") -- of C, and of the vocabulary in Lua
  inserts("x:repeat_int", "erleave")
  inserts("net:param", "eters")
  inserts("net.conv", "1")
  inserts("opt:zer", "o_grad")
  inserts("text:upp", "er")
  inserts("nosuch.", "")
  inserts("x:nosuch", "")
  inserts("if x:sum() > 1 then x:resh", "ape")
  inserts("  ", "  ")
  inserts("a = 1\n", "  ")
end)

check.test("what a call returns", function()
  inserts("calr.tensor.zeros{3}:repeat_int", "erleave")
  inserts("calr.nn.conv(1, 2):param", "eters")
  inserts("net(x):mean():repeat_int", "erleave")
  inserts("calr.optim.sgd(net:parameters(), { lr = 1 }):zer", "o_grad")
  check.equal(getmetatable(here.net).ran, nil)
end)

check.test("options of a call, and what they may be", function()
  lists("calr.nn.conv(1, 2, {", "kernel=3", "stride=1", "groups=1")
  inserts("calr.nn.conv(1, 2, {ker", "nel = ")
  lists("calr.nn.conv(1, 2, { kernel = 3, ", "stride=1", "!kernel=3")
  inserts("calr.nn.conv(1, 2, { kernel = 3, str", "ide = ")
  inserts("calr.optim.sgd(net:parameters(), { mom", "entum = ")
  inserts("x:sum{keep", "dim = ")
  inserts("calr.study(\"name\"){go", "al = ")
  lists("calr.cluster.knn(x, { metric = \"", "cosine", "euclidean")
  inserts("calr.cluster.knn(x, { metric = \"cos", "ine\"")
  inserts("calr.cluster.knn(x, { metric = colle", "ctgarbage")
  check.ok(select(2, complete("calr.nn.conv(", variables)):find("calr.nn.conv(inputs, outputs", 1, true))
end)

check.test("files inside quotes, and modules behind require", function()
  sys.make_folder "folder"
  for _, name in ipairs { "folder/one.lua", "folder/other.lua", "folder/.hidden" } do sys.write_file(name, "") end
  inserts("dofile \"fol", "der/")
  inserts("dofile 'folder/on", "e.lua'")
  inserts("dofile \"folder/", "o") -- .hidden does not count
  lists("dofile \"folder/o", "one.lua", "other.lua")
  inserts("dofile \"folder/.h", "idden\"")
  inserts("dofile \"nosuch/", "")
  inserts("require \"calr.autogr", "ad\"")
  inserts("help \"calr.nn.batch_n", "orm\"")
  inserts("print 'x' -- calr.autogr", "")
end)

-- ---- help ----

local function says(subject, ...)
  local text = manual.text(subject)
  for _, part in ipairs { ... } do
    if not text:find(part, 1, true) then error(("\"%s\" is missing in\n%s"):format(part, text), 2) end
    check.ok(true)
  end
end

-- Above, on the line before.
-- Twice its argument.
local function twice(n) return 2 * n end

check.test("help", function()
  says(calr.nn.conv, "calr.nn.conv(inputs, outputs, {kernel=3", "Convolution, without bias", "returns layer")
  says(here.x.sum, "sum(")
  says(calr.relu, "max(0, x)")
  says("calr.cluster.knn", "metric")
  says("tensor:repeat_interleave", "calr.repeat_interleave(")
  says(calr.nn, "calr.nn", "calr.nn.batch_norm(channels")
  says(here.net, "a layer", "layer:parameters()")
  says(here.x, "a tensor")
  says(calr.rng.open { seed = 1 }, "rng:uniform")
  says("calr.nn.comv", "did you mean \"calr.nn.conv\"?")
  says(twice, "test_prompt.lua:", "Twice its argument")
  says(print, "without documentation")
  says(5, "a number")
  says({}, "a table")
end)

-- ---- values ----

check.test("tables are shown three levels deep, cut where they are long", function()
  check.equal(show { 1, 2, { 3 } }, "{ 1, 2, { 3 } }")
  check.equal(show {}, "{}")
  check.equal(show { a = 1, ["b c"] = "x\n", [3] = true }, "{ [3] = true, a = 1, [\"b c\"] = \"x\\n\" }")
  check.equal(show { { { { 1 } } } }, "{ { { {...} } } }")
  check.equal(show { { { {} } } }, "{ { { {} } } }")
  local long = {}
  for i = 1, 1000 do long[i] = i end
  check.ok(show(long):find("... 1000 in all", 1, true))
  long = {}
  for i = 1, 1000 do long["k" .. i] = { { i }, { i } } end
  check.ok(#show(long) < 4000)
  check.ok(show(long):find("more", 1, true))
end)

check.test("tables that contain themselves", function()
  local t = { 1 }
  t.itself = t
  check.equal(show(t), "{ 1, itself = {... the table itself} }")
  t = { a = {} }
  t.a.up = t.a
  check.equal(show(t), "{ a = { up = {... the table around it} } }")
end)

check.test("values that resist are shown too", function()
  check.ok(show(setmetatable({}, { __tostring = function() error "no" end })):find("cannot be shown", 1, true))
  check.ok(show { setmetatable({}, { __tostring = function() error "no" end }) }:find("cannot be shown", 1, true))
  check.equal(show(setmetatable({ 1 }, { __index = error, __len = error, __pairs = error })), "{ 1 }")
  check.equal(show(setmetatable({}, { __metatable = "locked" })), "{}")
  check.equal(show(nil), "nil")
  local text = show(("ä"):rep(100000))
  check.ok(#text < 11000 and utf8.len(text))
  check.ok(text:find("200000 bytes in all", 1, true))
  check.ok(#show { ("x"):rep(100000) } < 200)
  check.ok(show { math.huge, 0 / 0, print, T { 1 } }:find "f32%[1%]")
end)

check.finish()
