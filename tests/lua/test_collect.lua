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

check.test("a temporary that is held while the next one is made does not get old", function()
  for _, size in ipairs { 256, 1024, 2048 } do
    local part, held = calr.tensor.zeros { size, size }, nil
    local bytes = 4 * size * size
    check.ok(most(200, function() held = part + 1 end) <= (8 << 20) + 6 * bytes, size)
    check.ok(most(200, function() held = part:t() * 2 + 1 end) <= (8 << 20) + 6 * bytes, size)
    check.equal(held:get(1, 1), 1)
  end
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
