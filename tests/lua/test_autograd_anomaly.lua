-- Anomaly mode: the operation that makes the first number that is not finite, forward and backward.
local check = require "check"
local T = require "calr.tensor"
local autograd = require "calr.autograd"

local function line()
  return debug.getinfo(2, "l").currentline
end

local function watched(text, fn, ...)
  check.fails(text, autograd.detect_anomaly, fn, ...)
end

check.test("forward: the operation, the place, and where it began", function()
  local x = T { { 4, 1 }, { -1, 9 } }
  watched("log: anomaly: it made NaN at [2, 1] of f32[2 x 2], from inputs without any",
    function() return (x * 1):log() end)
  watched("log: anomaly: it made -inf at [2] of f32[3], and 1 more", function() return T({ 1, 0, 0 }):log() end)
  watched("exp: anomaly: it made inf at [1] of f32[1]", function() return T({ 100 }):exp() end)
  watched("add: anomaly: it gave NaN at [1] of f32[2]; its input 2 had NaN at [1] of f32[2] before",
    function() return T { 1, 2 } + T { 0 / 0, 1 } end)
  watched("log: anomaly: it made NaN at [] of f32[]", function() return T(-1):log() end)
  local here
  watched(("test_autograd_anomaly.lua:%d: "):format(line() + 1), function()
    return autograd.no_grad(function() return x:log() end) end)
  local ok, message = pcall(autograd.detect_anomaly, function()
    here = line() + 1
    return x:log()
  end)
  check.ok(not ok and message:find(("test_autograd_anomaly.lua:%d: log: anomaly"):format(here), 1, true), message)
  -- what is finite passes, and so do integers and nothing at all
  check.all_near(autograd.detect_anomaly(function(a) return a * 2 end, T { 1 }), { 2 }, 0)
  autograd.detect_anomaly(function() return T.zeros({ 0 }):exp(), T({ 1 }, "i64"):reshape { 1, 1 } end)
  check.ok(not x:log():is_finite(), "off again")
end)

check.test("backward: the operation, and the line that recorded it", function()
  local x = T({ 4, 0 }):requires_grad_()
  local here
  local function run()
    here = line() + 1
    local y = x:sqrt()
    y:sum():backward()
  end
  local ok, message = pcall(autograd.detect_anomaly, run)
  check.ok(not ok)
  local made = "backward of sqrt: anomaly: it made inf at [2] of f32[2], the gradient of its input 1"
  check.ok(message:find(made, 1, true), message)
  check.ok(message:find(("it was recorded at [^ ]*test_autograd_anomaly.lua:%d$"):format(here)), message)
  local loss = x:sqrt():sum()
  watched("compute it in anomaly mode too, to see at which line it was recorded", loss.backward, loss)
  check.fails("was used by an earlier", loss.backward, loss)
end)

check.test("backward: what came in from outside", function()
  local x = T({ 1, 2 }):requires_grad_()
  watched("backward of arithmetic with a number: anomaly: the gradient of its output is inf at [2] of f32[2]",
    function() (x * 2):backward(T { 1, 1 / 0 }) end)
  watched("as a hook left it", function()
    local y = x * 2
    y:register_hook(function(g) g:fill(0 / 0) end)
    y:sum():backward()
  end)
end)

check.test("an operation of one's own, and code inside it", function()
  local bad = autograd.op {
    name = "bad",
    forward = function(ctx, a) ctx:save(a) return a * 1 end,
    backward = function(_, dy) return T.full(dy:shape(), 0 / 0) end,
  }
  local x = T({ 1 }):requires_grad_()
  watched("backward of bad: anomaly: it made NaN at [1] of f32[1], the gradient of its input 1", function()
    bad(x):sum():backward()
  end)
  local inner = autograd.op {
    name = "inner",
    forward = function(_, a) return (a * -1):log() end,
    backward = function(_, dy) return dy end,
  }
  watched("inner: ", inner, x)
  watched("log: anomaly: it made NaN", inner, x)
end)

check.test("the mode: on, off, nan only; it comes back", function()
  local infinite = function() return T({ 0 }):log() end
  check.equal(autograd.set_detect_anomaly(true), false)
  check.fails("log: anomaly", infinite)
  check.equal(autograd.set_detect_anomaly "nan", true)
  check.ok(infinite(), "infinities pass")
  check.fails("log: anomaly: it made NaN", function() return T({ -1 }):log() end)
  watched("log: anomaly: it made -inf", infinite)
  check.equal(autograd.set_detect_anomaly(false), "nan")
  check.ok(infinite())
  check.fails("true, false or \"nan\"", autograd.set_detect_anomaly, "inf")
  check.fails("boolean expected", autograd.set_detect_anomaly, 1)
  local co = coroutine.create(function() autograd.detect_anomaly(error, "gone") end)
  check.equal(coroutine.resume(co), false)
  check.ok(infinite(), "after an error in a coroutine")
end)

check.test("the gradients have the same bits", function()
  local function gradient()
    local x = T({ { 1, 2 }, { 3, 4 } }):requires_grad_();
    (x:softmax() * x:exp() + x):sum():backward()
    return x:grad()
  end
  check.ok(gradient():equal(autograd.detect_anomaly(gradient)))
end)

check.finish()
