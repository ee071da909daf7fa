-- calr.nn.release: what lies between two layers is closed when both promise that they keep nothing.
local check = require "check"
local calr = require "calr"
local T, nn = calr.tensor, calr.nn

local function closed(tensor)
  return not pcall(tensor.shape, tensor)
end

-- The tensor between a layer whose forward function is replaced, and an ordinary one.
local function between(promise)
  local first, second, seen = nn.relu(), nn.relu(), nil
  local forward = first.forward
  first.lets_go = promise
  function first.forward(self, x)
    seen = forward(self, x * 2)
    return seen
  end
  local y = nn.chain(T { 1, -2, 3 }, first, second)
  check.all_near(y, { 2, 0, 6 }, 0)
  return seen
end

check.test("a layer with a forward function of its own promises nothing", function()
  check.ok(not closed(between(nil)))
  check.ok(not closed(between(false)))
end)

check.test("unless it says so itself", function()
  check.ok(closed(between(true)))
end)

check.test("classes of calr.nn promise", function()
  local conv, norm = nn.conv(3, 4), nn.batch_norm(4)
  local y = conv(T.zeros { 1, 4, 4, 3 })
  nn.release(y, norm(y), conv, norm)
  check.ok(closed(y))
  local kept = conv(T.zeros { 1, 4, 4, 3 })
  nn.release(kept, kept, conv, norm) -- the result itself stays
  check.ok(not closed(kept))
end)

check.finish()
