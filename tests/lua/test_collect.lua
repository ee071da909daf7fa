-- Lua's collector is told how large tensors are: what a script drops does not pile up.
local calr = require "calr"
local check = require "check"

local function live() return calr.tensor.memory().live end

-- The most live bytes while fn runs `count` times, over those before.
local function most(count, fn)
  collectgarbage()
  local before, highest = live(), 0
  for _ = 1, count do
    fn()
    highest = math.max(highest, live() - before)
  end
  return highest
end

local x = calr.tensor.full({ 1024, 1024 }, 1)

check.test("temporaries go while a loop runs, however much Lua holds", function()
  local held = {}
  for _ = 1, 2 do
    check.ok(most(300, function() return x + 1 end) <= 32 << 20)
    check.ok(most(300, function() return calr.tensor.zeros { 1024, 1024 } end) <= 32 << 20)
    for i = 1, 100000 do held[i] = { i } end
  end
  check.equal(#held, 100000)
end)

check.test("tensors that get old before they are dropped go as well", function()
  local ring, at = {}, 0
  check.ok(most(600, function()
    at = at % 12 + 1
    ring[at] = x + 1
  end) <= 512 << 20)
  check.equal(#ring, 12)
end)

check.test("what is held stays", function()
  local list = {}
  for i = 1, 100 do list[i] = x * i end
  for i = 1, 100 do check.equal(list[i]:get(7, 9), i) end
end)

check.test("a script may choose another mode, or stop the collector", function()
  collectgarbage "incremental"
  check.ok(most(300, function() return x + 1 end) <= 512 << 20)
  collectgarbage "stop"
  check.ok(most(300, function() return x + 1 end) <= 512 << 20)
  collectgarbage "restart"
  collectgarbage "generational"
end)

check.finish()
