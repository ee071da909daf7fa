-- calr.autograd.checkpoint: the same bits as the plain step, once for effects, less memory.
local check = require "check"
local calr = require "calr"
local T, ops, autograd, nn = calr.tensor, calr.ops, calr.autograd, calr.nn
local rng = require "calr.rng"

local function noise(shape, seed)
  return rng.open { seed = seed }:fill_normal(T.zeros(shape))
end

local function live()
  collectgarbage()
  collectgarbage()
  return T.memory().live
end

check.test("gradients of arguments and of parameters inside", function()
  local function run(wrap)
    local x, w = noise({ 5, 4 }, 1):requires_grad(true), noise({ 3, 4 }, 2):requires_grad(true)
    local h = x * 2
    local y = wrap(function(a, factor, b) return ops.linear(a, w):exp() * factor + b end, h, 0.5, noise({ 3 }, 3))
    autograd.backward((y * y):sum())
    return x:grad(), w:grad(), y:detach()
  end
  local dx, dw, y = run(function(fn, ...) return fn(...) end)
  local cx, cw, cy = run(autograd.checkpoint)
  check.ok(y:equal(cy) and dx:equal(cx) and dw:equal(cw))
  check.ok(dw:norm():item() > 0)
end)

check.test("finite differences", function()
  local w = noise({ 2, 3 }, 4):requires_grad(true)
  local x = noise({ 6, 3 }, 5)
  local function loss()
    return autograd.checkpoint(function(a)
      local b = ops.batch_norm(ops.linear(a, w), nil, nil, nil, nil, { training = true })
      return (b * b * b):sum()
    end, x)
  end
  autograd.backward(loss())
  for i = 1, 2 do
    for j = 1, 3 do
      local old, step = w:get(i, j), 1e-2
      local values = {}
      for k, sign in ipairs { 1, -1 } do
        w:detach():set(i, j, old + sign * step)
        values[k] = autograd.no_grad(loss):get()
      end
      w:detach():set(i, j, old)
      check.near(w:grad():get(i, j), (values[1] - values[2]) / (2 * step), 2e-2 * (1 + math.abs(w:grad():get(i, j))))
    end
  end
end)

check.test("when nothing is recorded it is the function", function()
  local calls = 0
  local function twice(x)
    calls = calls + 1
    return x * 2
  end
  local x = T({ 1 }):requires_grad(true)
  check.equal(autograd.no_grad(autograd.checkpoint, twice, x):get(), 2)
  local y = autograd.checkpoint(twice, x)
  check.equal(calls, 2)
  y:sum():backward()
  check.equal(calls, 3)
  check.equal(x:grad():get(), 2)
  check.equal(autograd.checkpoint(function(a) return a end, x):get(), 1)
  autograd.backward(autograd.checkpoint(function(a) return a end, x):sum())
  check.equal(x:grad():get(), 3)
  autograd.backward(autograd.checkpoint(function(a) return a:detach() end, x):sum())
  check.equal(x:grad():get(), 3)
end)

check.test("effects happen once", function()
  local function run(wrap)
    local norm, drop = nn.batch_norm(8), nn.dropout { p = 0.5, seed = 3 }
    local x = noise({ 32, 8 }, 6):requires_grad(true)
    local counted = 0
    local y = wrap(function(a)
      counted = autograd.once(function() return counted + 1 end)
      return drop(norm(drop(a)))
    end, x)
    autograd.backward((y * y):sum())
    return { norm.running_mean, norm.running_var, drop.passes, x:grad(), norm.weight:grad() }, counted
  end
  local want = run(function(fn, ...) return fn(...) end)
  local got, counted = run(autograd.checkpoint)
  for i = 1, #want do check.ok(want[i]:equal(got[i]), "value " .. i) end
  check.equal(counted, 1)
  check.equal(autograd.once(function() return 7 end), 7)
end)

check.test("checkpoints inside checkpoints", function()
  local function run(wrap)
    local drop = nn.dropout { p = 0.3, seed = 9 }
    local w = noise({ 4, 4 }, 7):requires_grad(true)
    local x = noise({ 10, 4 }, 8):requires_grad(true)
    local function inner(a) return ops.linear(drop(a), w):relu() end
    local y = wrap(function(a) return drop(wrap(inner, wrap(inner, a))) end, x)
    autograd.backward((y * y):mean())
    return x:grad(), w:grad(), drop.passes:get(1)
  end
  local dx, dw, passes = run(function(fn, ...) return fn(...) end)
  local cx, cw, checked = run(autograd.checkpoint)
  check.ok(dx:equal(cx) and dw:equal(cw))
  check.equal(passes, 3)
  check.equal(checked, 3)
end)

check.test("errors pass through, and leave recording as it was", function()
  local x = T({ 1 }):requires_grad(true)
  check.fails("boom", autograd.checkpoint, function() error "boom" end, x)
  check.ok(autograd.recording())
  local first = true
  local y = autograd.checkpoint(function(a)
    if not first then error "later" end
    first = false
    return a * 2
  end, x)
  check.fails("later", autograd.backward, y:sum())
  check.ok(autograd.recording())
  y = autograd.checkpoint(function(a)
    if autograd.recording() then autograd.once(function() return 1 end) end
    return a * 2
  end, x)
  check.fails("more often than the first did", autograd.backward, y:sum())
  check.equal(autograd.once(function() return 5 end), 5)
  check.fails("gradient of f32[1] cannot be f32[2]", autograd.backward, x * 2, T { 1, 2 })
end)

check.test("backward from a known gradient", function()
  local x = T({ 1, 2 }):requires_grad(true)
  autograd.backward(x * x, T { 1, 10 })
  check.all_near(x:grad(), { 2, 40 }, 0)
  autograd.backward(x, T { 1, 1 })
  check.all_near(x:grad(), { 3, 41 }, 0)
end)

-- A training step; all its results, and the bytes that the forward pass held.
local function network_step(make, options)
  local net = make(options)
  net:train()
  local images = noise({ 4, 64, 32, 3 }, 10)
  local before = live()
  local features = net(images)
  local held = live() - before
  autograd.backward((features * noise(features:shape(), 11)):sum())
  features = nil -- luacheck: ignore
  local state = {}
  for _, p in ipairs(net:parameters()) do state["grad " .. p.name] = p.tensor:grad() end
  for name, tensor in pairs(net:state()) do state[name] = tensor end
  return state, held
end

local function same_by_blocks(make, options)
  local function step(checkpoint)
    local o = { seed = 2, checkpoint = checkpoint }
    for name, value in pairs(options) do o[name] = value end
    return network_step(make, o)
  end
  local want, plain = step(false)
  local got, less = step(true)
  for name, tensor in pairs(want) do check.ok(tensor:equal(got[name]), name) end
  check.ok(less < plain / 2, ("%d bytes instead of %d"):format(less, plain))
  check.ok(step("blocks"))
  check.fails("checkpoint must be true, false or \"blocks\", not 3", make, { checkpoint = 3 })
end

check.test("networks: the same bits, less memory", function()
  same_by_blocks(calr.models.resnet18, {})
  same_by_blocks(calr.models.resnet18, { precision = "bf16" })
  check.equal(calr.models.small { checkpoint = true }:train(false)(noise({ 2, 64, 32, 3 }, 1)):size(1), 2)
end)

check.test("osnet: the same bits, less memory", function()
  same_by_blocks(calr.models.osnet, { width = 0.25 })
  same_by_blocks(calr.models.osnet, { width = 0.25, precision = "bf16" })
  same_by_blocks(calr.models.osnet, { width = 0.25, ibn = true })
  local function features(checkpoint)
    local net = calr.models.osnet { width = 0.25, checkpoint = checkpoint }
    return net:train(false)(noise({ 2, 64, 32, 3 }, 1))
  end
  check.ok(features(true):equal(features(false)))
end)

check.finish()
