-- Every line of calr in the tables of docs/guide/from-pytorch.md runs.
local calr = require "calr"
local check = require "check"

local page = calr.sys.read_file(os.getenv "CALR_TEST_SOURCE" .. "/docs/guide/from-pytorch.md")

-- What the lines of the page speak of, anew for each of them.
local function names()
  local rng = calr.rng.open { seed = 1 }
  local function random(shape) return rng:fill_uniform(calr.tensor.zeros(shape), 0.1, 1) end
  local net = calr.models.small { width = 8 }
  local x = random { 4, 6 }:requires_grad(true)
  return setmetatable({
    calr = calr, x = x, y = random { 4, 6 }, a = random { 4, 3 }, b = random { 3, 5 }, w = random { 2, 6 },
    bias = random { 2 }, index = calr.tensor({ 2, 0 }, "i64"), labels = calr.tensor({ 0, 5, 2, 1 }, "i32"),
    images = random { 2, 8, 8, 3 }, rng = rng,
    file = os.getenv "CALR_TEST_REFERENCE" .. "/pth/network.pth",
    v = calr.tensor { 0, .2, .4, .6, .8, 1 }, c = random { 2, 3, 3 },
    m = calr.tensor({ { 1, 0, 0, 1, 1, 0 }, { 0, 1, 0, 0, 0, 0 }, { 1, 1, 1, 1, 1, 1 }, { 0, 0, 0, 0, 0, 0 } }, "bool"),
    s = calr.tensor { { 4, 1, 0, 0 }, { 1, 3, 1, 0 }, { 0, 1, 4, 1 }, { 0, 0, 1, 3 } },
    columns = calr.tensor({ { 0, 5 }, { 1, 2 }, { 3, 0 }, { 4, 4 } }, "i64"),
    k = random { 4, 3, 3, 3 }, loss = x:sum(), net = net, opt = calr.optim.adam(net:parameters()),
    pairs = pairs, f = function(value) return value * 2 end, handle = x:register_hook(function() end),
  }, { __index = function(_, name) error("the page speaks of an unknown " .. name, 2) end })
end

-- Lines whose words are on their way, a line each: they may fail until these have come. Empty when all are there.
local awaited = {}
for code in calr.sys.read_file(os.getenv "CALR_TEST_REFERENCE" .. "/vocabulary/awaited.txt"):gmatch "[^\n]+" do
  awaited[code] = true
end

check.test("every line of the tables runs", function()
  local count = 0
  for row in page:gmatch "\n| `[^\n]+" do
    local code = row:match "| `([^`]+)` |$"
    if code and code ~= "calr" then
      local chunk = load("return " .. code, "=" .. code, "t", names()) or load(code, "=" .. code, "t", names())
      check.ok(chunk, code)
      local ok, result = pcall(chunk)
      local silent = code:match "^%w+:backward" or code:match "^handle:" or code:match "^opt[:.]" or code == "x:grad()"
        or code:match "clip_grad_value" or code:match "%.save" or code:match "^y%["
        or code:match "^for "
      if not awaited[code] then check.ok(ok and (result ~= nil or silent), code .. ": " .. tostring(result)) end
      count = count + 1
    end
  end
  check.ok(count > 130, count)
end)

-- Right columns of the tables, and the page without spaces.
local right = {}
for row in page:gmatch "\n| [^\n]+" do right[#right + 1] = row:match "| `([^`]+)` |$" end
right = table.concat(right, "\n")
local tight = page:gsub("%s", "")

-- A line of the list is family|operation|words: each a word of ours, or after an @ a text of the page without spaces.
check.test("every operation of the list is on the page: its word in a table, or what to write instead", function()
  local missing, lines = {}, 0
  for line in calr.sys.read_file(os.getenv "CALR_TEST_REFERENCE" .. "/vocabulary/pytorch.txt"):gmatch "[^\n]+" do
    local family, operation, words = line:match "^(%w+)|(.-)|(.+)$"
    lines = lines + 1
    for word in words:gmatch "%S+" do
      local there = right:find("[:.]" .. word:gsub("%p", "%%%0") .. "%f[^%w_]")
      if word:sub(1, 1) == "@" then there = tight:find(word:sub(2), 1, true) end
      if not there then missing[#missing + 1] = ("%s, %s: %s"):format(family, operation, word) end
    end
  end
  check.equal(lines, 159)
  check.equal(table.concat(missing, "\n"), "")
end)

check.test("what the page says of axes and numbers is so", function()
  local x = calr.tensor { { 1, 2, 3 }, { 4, 5, 6 } }
  check.equal(x:sum(2):get(1), 6)
  check.equal(x:select(1, 1):get(3), 3)
  check.equal(x:narrow(1, 2, 1):get(1, 1), 4)
  check.ok(x ~= calr.tensor { { 1, 2, 3 }, { 4, 5, 6 } })
  check.ok(x:equal(calr.tensor { { 1, 2, 3 }, { 4, 5, 6 } }))
  check.ok(x[1]:equal(x:select(1, 1)) and x[-1]:equal(x:select(1, 2)))
  check.all_near(x[{ {}, { 2, 3 } }], { { 2, 3 }, { 5, 6 } }, 0)
  local index = calr.tensor({ 1 }, "i64")
  check.ok(x[index:item() + 1]:equal(x:index_select(1, index)[1]))
end)

check.test("the traps are as the page says", function()
  local x = calr.tensor { { 1, 2 }, { 3, 4 } }
  local copy = x:transpose(1, 2):reshape(-1)
  copy:fill(9)
  check.equal(x:get(1, 1), 1)
  check.fails("reshape(...) copies", function() return x:transpose(1, 2):view(-1) end)
  x:view(-1):set(1, 7)
  check.equal(x:get(1, 1), 7)
  local chunk = load "local calr = ... local f = calr.tensor local x = f { 0 }\n(x ^ 2):sum()"
  check.ok(not pcall(chunk, calr))
  check.ok(pcall(load "local calr = ... local f = calr.tensor local x = f { 0 }\n;(x ^ 2):sum()", calr))
  check.fails("no item 3", function() for _, row in ipairs(x) do row:sum() end end)
  check.equal(#x, 2)
  check.ok(x ~= x:clone() and x:eq(x:clone()):to("f32"):sum():item() == 4)
  check.fails("lt", function() return x < x end)
  check.equal((x:lt(3) | x:gt(3)):to("f32"):sum():item(), 3)
end)

check.finish()
