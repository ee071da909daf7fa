-- tensor:register_hook: against PyTorch, in every place of a graph, and when the hook itself goes wrong.
local check = require "check"
local network = require "autograd_network"
local T = require "calr.tensor"
local ops = require "calr.ops"
local autograd = require "calr.autograd"

local golden = network.golden

check.test("hooks on declared and computed tensors, as PyTorch's", function()
  local p, h, y = network.run()
  local seen
  p.x:register_hook(function(g) return g * 2 end)
  p.x:register_hook(function(g) return g + 1 end)
  p.w2:register_hook(function(g) seen = g end)
  h:register_hook(function(g)
    local numbers = g:reshape({ -1 }):totable()
    for i, v in ipairs(numbers) do numbers[i] = math.max(-.5, math.min(.5, v)) end
    return T(numbers):reshape(g:shape())
  end)
  y:backward(network.dy())
  for _, name in ipairs(network.names) do
    check.all_near(p[name]:grad():reshape { -1 }, golden.hooks[name], 2e-6, name)
  end
  check.all_near(seen:reshape { -1 }, golden.hooks.seen, 2e-6)
  seen:fill(0)
  check.all_near(p.w2:grad():reshape { -1 }, golden.hooks.w2, 2e-6, "what a hook keeps is not the gradient itself")
end)

check.test("once a pass, with the complete gradient, however often the tensor is used", function()
  local x = T({ 1, 2 }):requires_grad_()
  local seen = {}
  x:register_hook(function(g) seen[#seen + 1] = g:totable() end)
  x:set_grad(T { 100, 100 })
  local y = x * 1
  local looked = 0
  y:register_hook(function(g)
    looked = looked + 1
    check.equal(autograd.recording(), false)
    check.equal(g:requires_grad(), false)
  end)
  local loss = ((y * y) + y * 3 + x):sum()
  loss:backward { retain_graph = true }
  check.equal(#seen, 1)
  check.all_near(seen[1], { 6, 8 }, 0)
  check.all_near(x:grad(), { 106, 108 }, 0)
  loss:backward()
  check.equal(#seen, 2)
  check.all_near(seen[2], { 6, 8 }, 0)
  check.all_near(x:grad(), { 112, 116 }, 0)
  check.equal(looked, 2)
end)

check.test("a batch norm, which takes its gradient in parts", function()
  local function gradient(hook)
    local x = T({ { 1, 2 }, { 3, 5 }, { -1, 4 } }):requires_grad_()
    local y = ops.batch_norm(x, nil, nil, nil, nil, { training = true, relu = true })
    if hook then y:register_hook(hook) end
    ops.cat({ y * y, y * 3, y }, 2):sum():backward()
    return x:grad(), y
  end
  local seen
  local want = gradient()
  local got, y = gradient(function(g) seen = g end)
  check.all_near(got, want, 1e-6)
  local rows = y:totable()
  for _, row in ipairs(rows) do for i, v in ipairs(row) do row[i] = 2 * v + 4 end end
  check.all_near(seen, rows, 1e-6)
end)

check.test("a gradient of ones or of a view can be changed in place, and reaches nobody else", function()
  local a, b = T({ 1, 2 }):requires_grad_(), T({ 3, 4 }):requires_grad_()
  a:register_hook(function(g) g:fill(9) end)
  autograd.backward((a + b):sum())
  check.all_near(a:grad(), { 9, 9 }, 0)
  check.all_near(b:grad(), { 1, 1 }, 0)
end)

check.test("handles", function()
  local x = T({ 1 }):requires_grad_()
  local calls = ""
  local first = x:register_hook(function() calls = calls .. "a" end)
  local second
  second = x:register_hook(function()
    calls = calls .. "b"
    second:remove()
    second:remove()
    x:register_hook(function() calls = calls .. "d" end)
  end)
  x:register_hook(function() calls = calls .. "c" end)
  local function back() (x * 2):sum():backward() end
  back()
  check.equal(calls, "abc", "one that is added meanwhile waits")
  first:remove()
  back()
  check.equal(calls, "abccd")
  do
    local _ <close> = x:register_hook(function() calls = calls .. "e" end)
    back()
  end
  back()
  check.equal(calls, "abccdcdecd")
  check.equal(x:grad():get(), 8)
  -- without its handle, and without the tensor, a hook stays
  local hit = 0
  local y = (function()
    local leaf = T({ 1 }):requires_grad_()
    leaf:register_hook(function() hit = hit + 1 end)
    return leaf * 3
  end)()
  collectgarbage()
  collectgarbage()
  y:sum():backward()
  check.equal(hit, 1)
end)

check.test("what goes wrong in a hook leaves nothing broken", function()
  local x, w = T({ 1, 2 }):requires_grad_(), T({ 3, 4 }):requires_grad_()
  local function refused(text, fn, on)
    x:zero_grad()
    w:zero_grad()
    local y = x * w
    local handle = (on or y):register_hook(fn)
    local loss = (y * y):sum()
    check.fails(text, loss.backward, loss, { retain_graph = true })
    handle:remove()
    check.equal(autograd.recording(), true)
    x:zero_grad()
    w:zero_grad()
    loss:backward() -- the retained graph is whole
    check.all_near(x:grad(), { 18, 64 }, 0)
    check.fails("was used by an earlier backward()", loss.backward, loss)
  end
  refused("a slip", function() error "a slip" end)
  refused("test_autograd_hooks.lua:", function() error "a slip" end)
  refused("a hook on the gradient of f32[2] (mul): ", function() error "a slip" end)
  refused("a hook on the gradient of f32[2] (declared): ", function() error "a slip" end, x)
  refused("returned f32[3] in place of a gradient that is f32[2]", function() return T { 1, 2, 3 } end)
  refused("returned f32[3] in place of a gradient that is f32[2]", function() return T { 1, 2, 3 } end, w)
  refused("returned i32[2] in place", function() return T({ 1, 2 }, "i32") end)
  refused("must return a tensor that replaces the gradient, or nothing, not a number", function() return 1 end)
  refused("not a closed tensor", function(g) g:close() return g end)
  refused("attempt to yield", function() coroutine.yield() end)
  local thing = setmetatable({}, { __tostring = function() return "thing" end })
  local y = x * w
  y:register_hook(function() error(thing) end)
  local ok, caught = pcall(y.backward, y, T { 1, 1 })
  check.ok(not ok and rawequal(caught, thing))
  check.fails("needs no gradient: no hook would ever be called", function() T({ 1 }):register_hook(print) end)
  check.fails("in a graph that an earlier backward() freed", y.register_hook, y, print)
  check.fails("function expected", x.register_hook, x, 1)
  check.fails("takes 1 argument", x.register_hook, x, print, 1)
end)

check.test("a hook may follow another graph, but not the one at work", function()
  local x, w = T({ 1, 2 }):requires_grad_(), T({ 5, 6 }):requires_grad_()
  local y = x * x
  local inner
  y:register_hook(function()
    autograd.enable_grad(function() (x * w):sum():backward() end) -- adds to x and w
    inner = autograd.enable_grad(function() return autograd.grad((x * w * w):sum(), x) end)
  end)
  local found = autograd.grad(y:sum(), x, { retain_graph = true })
  check.all_near(found, { 2, 4 }, 0, "what the hook does is not a part of it")
  check.all_near(inner, { 25, 36 }, 0)
  check.all_near(x:grad(), { 5, 6 }, 0)
  check.all_near(w:grad(), { 1, 2 }, 0)
  y:sum():backward { retain_graph = true }
  check.all_near(x:grad(), { 12, 16 }, 0)
  local z = y * 2
  z:register_hook(function() y:backward(T { 1, 1 }) end)
  check.fails("a backward pass is working on this graph right now", z.backward, z, T { 1, 1 })
  y = x * x
  z = y * 2
  z:register_hook(function() autograd.grad(y, x, { grad_outputs = T { 1, 1 } }) end)
  check.fails("a backward pass is working on this graph right now", z.backward, z, T { 1, 1 },
    { retain_graph = true })
end)

check.test("hooks and grad: the gradient as the hooks left it; nobody else's hooks run", function()
  local x, w = T({ 1, 2 }):requires_grad_(), T({ 3, 4 }):requires_grad_()
  local others = 0
  w:register_hook(function() others = others + 1 end)
  local y = x * w
  x:register_hook(function(g) return g * 10 end)
  y:register_hook(function(g) return g * 100 end)
  local found = autograd.grad((y * 1):sum(), { x, y })
  check.all_near(found[1], { 3000, 4000 }, 0)
  check.all_near(found[2], { 100, 100 }, 0)
  check.equal(others, 0)
  check.equal(x:grad(), nil)
end)

check.test("a parameter inside and outside of a checkpoint: one call, the complete gradient", function()
  local x, w = T({ 1, 2 }):requires_grad_(), T({ 3, 4 }):requires_grad_()
  local calls, seen = 0, nil
  w:register_hook(function(g) calls, seen = calls + 1, g:totable() return g * 2 end)
  local function f(a) return a * w end
  local y = autograd.checkpoint(f, autograd.checkpoint(f, x)):sum()
  y:backward()
  check.equal(calls, 1, "inside alone, twice")
  check.all_near(seen, { 6, 16 }, 0)
  check.all_near(w:grad(), { 12, 32 }, 0)
  w:zero_grad();
  (autograd.checkpoint(f, x) + w):sum():backward()
  check.equal(calls, 2)
  check.all_near(seen, { 2, 3 }, 0)
end)

check.test("a tensor that a hook holds, and one held by its own hook", function()
  local function live()
    collectgarbage()
    collectgarbage()
    return T.memory().live
  end
  local before = live()
  for _ = 1, 20 do
    local x = T.zeros({ 64, 64 }):requires_grad_()
    local y = x:exp()
    local handle = y:register_hook(function(g) return g * (y:numel() > 0 and 1 or 0) end) -- a circle
    y:sum():backward()
    check.ok(handle)
  end
  check.equal(live(), before, "the graph that backward() frees takes its hooks along")
  local kept
  do
    local x = T.zeros({ 64, 64 }):requires_grad_()
    kept = x:register_hook(function() return x * 0 end)
  end
  check.ok(live() > before, "a declared tensor in its own hook stays")
  kept:remove()
  check.equal(live(), before, "until the hook is removed")
end)

check.test("from a coroutine, and after it is gone", function()
  local x = T({ 1 }):requires_grad_()
  local hit = 0
  coroutine.wrap(function() x:register_hook(function() hit = hit + 1 end) end)()
  collectgarbage()
  coroutine.wrap(function() (x * 2):sum():backward() end)();
  (x * 2):sum():backward()
  check.equal(hit, 2)
end)

check.finish()
