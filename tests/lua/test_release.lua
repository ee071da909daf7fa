-- calr.nn.release: what lies between two layers is closed where neither keeps it.
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

-- Two layers of a class of a user's own, whose forward function hands y = 2 x to note(layer, x, y).
local function of_own(note)
  local Mine = nn.class "Mine"
  function Mine.forward(self, x)
    local y = x * 2
    note(self, x, y)
    return y
  end
  return nn.new(Mine), nn.new(Mine)
end

-- Whether what lies between two layers of one's own stays open; `note` may keep it.
local function stays(note)
  local first, second = of_own(note)
  local y = first(T { 1, 2 })
  local z = second(y)
  nn.release(y, z, first, second)
  check.all_near(z, { 4, 8 }, 0)
  return not closed(y)
end

check.test("a class of one's own needs to say nothing: what it does not keep is let go", function()
  check.ok(not stays(function() end))
  check.ok(not stays(function(self, x) self.width = x:size(1) end))
  local deep = nn.sequential(nn.relu(), (of_own(function() end)))
  local y = deep(T { 1, 2 })
  nn.release(y, nn.relu()(y), deep, nn.relu())
  check.ok(closed(y))
end)

check.test("what a class of one's own keeps stays open, wherever it is", function()
  local list, held, job = {}, nil, nil
  check.ok(stays(function(self, _, y) self.last = y end), "a field")
  check.ok(stays(function(self, x) self.given = x end), "what it was given")
  check.ok(stays(function(self, _, y) self.log = { maps = { y } } end), "a list in a field")
  check.ok(stays(function(_, _, y) list[#list + 1] = y end), "a list outside")
  check.ok(stays(function(_, _, y) held = held or y end), "a variable outside")
  check.ok(stays(function(_, _, y) KEPT = KEPT or y end), "a global") -- luacheck: globals KEPT
  check.ok(stays(function(self, _, y) self.later = function() return y end end), "a closure")
  check.ok(stays(function(_, _, y) job = coroutine.create(function() return y end) end), "a coroutine")
  check.ok(stays(function(self, _, y)
    self.many = {}
    for i = 1, 5000 do self.many[i] = i end
    self.many.last = y
  end), "more than is looked through")
  check.ok(held ~= nil and job ~= nil)
  KEPT = nil -- luacheck: globals KEPT
end)

check.test("a layer inside another counts, and so does a replaced forward function inside", function()
  local keeper = of_own(function(self, _, y) self.last = y end)
  for _, outer in ipairs { nn.sequential(nn.relu(), keeper), nn.checkpointed(nn.sequential(keeper)) } do
    local y = outer(T { 1, 2 })
    nn.release(y, nn.relu()(y), outer, nn.relu())
    check.equal(closed(y), keeper.last ~= y) -- a checkpointed function keeps what it makes itself
  end
  local hooked, seen = nn.relu(), nil
  local forward = hooked.forward
  function hooked.forward(self, x)
    seen = forward(self, x)
    return seen
  end
  nn.chain(T { 1, -2 }, nn.sequential(hooked), nn.relu())
  check.ok(not closed(seen))
end)

check.finish()
