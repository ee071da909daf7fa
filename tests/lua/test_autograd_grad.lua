-- calr.autograd.grad and retained graphs: against PyTorch, and against backward().
local check = require "check"
local cases = require "ops_cases"
local network = require "autograd_network"
local T = require "calr.tensor"
local ops = require "calr.ops"
local autograd = require "calr.autograd"

local golden = network.golden

local function near(tensor, array, message)
  check.equal(table.concat(tensor:shape(), " "), table.concat(array.shape, " "), message)
  check.all_near(tensor:contiguous():reshape { -1 }, array, 2e-6, message)
end

check.test("gradients of declared and computed tensors, as PyTorch's", function()
  local p, h, y = network.run()
  local list = { p.w2, p.x, p.w1, p.b, h }
  local found = autograd.grad(y, list, { grad_outputs = network.dy() })
  check.equal(#found, 5)
  for i, name in ipairs { "w2", "x", "w1", "b", "h" } do near(found[i], golden.grad[name], name) end
  for _, name in ipairs(network.names) do check.equal(p[name]:grad(), nil, name) end
end)

check.test("a list of outputs", function()
  local p, h, y = network.run()
  local found = autograd.grad({ y, (h * h):mean() }, { p.x, p.w1 }, { grad_outputs = { network.dy() } })
  near(found[1], golden.two_outputs.x, "x")
  near(found[2], golden.two_outputs.w1, "w1")
end)

check.test("a retained graph gives the same bits, and adds up", function()
  local p, _, y = network.run()
  local loss = (y * network.dy()):sum()
  local first = {}
  loss:backward { retain_graph = true }
  for _, name in ipairs(network.names) do first[name] = p[name]:grad():clone() p[name]:zero_grad() end
  autograd.backward(loss, nil, true)
  for _, name in ipairs(network.names) do check.ok(first[name]:equal(p[name]:grad()), name) end
  loss:backward()
  for _, name in ipairs(network.names) do near(p[name]:grad(), golden.twice[name], name) end
  check.fails("this graph was used by an earlier backward(), which freed it; pass retain_graph = true",
    loss.backward, loss)
end)

check.test("grad of each input alone is backward's, bit for bit, for every operation", function()
  for _, case in ipairs(cases.golden().cases) do
    local dy = cases.tensor(case.dy)
    local variables = cases.variables(case, true)
    cases.evaluate(case, variables):backward(dy)
    for name in pairs(case.grads) do
      local fresh = cases.variables(case, true)
      local y = cases.evaluate(case, fresh)
      local kept = autograd.grad(y, fresh[name], { grad_outputs = dy, retain_graph = true })
      check.ok(kept:equal(variables[name]:grad()), case.name .. ": d" .. name)
      local again = autograd.grad(y, fresh[name], { grad_outputs = dy })
      check.ok(again:equal(kept), case.name .. ": d" .. name .. " once more")
      for other in pairs(case.grads) do check.equal(fresh[other]:grad(), nil, case.name .. ": " .. other) end
    end
  end
end)

-- A residual network whose batch norms recompute outputs and write over what they saved.
local function blocks(x, w)
  local norm = { training = true, relu = true }
  local y = x
  for _ = 1, 4 do
    local a = ops.batch_norm(ops.linear(y, w), nil, nil, nil, nil, norm)
    y = ops.batch_norm(ops.linear(a, w), nil, nil, nil, nil, { training = true, relu = true, residual = y })
  end
  return (y * y):mean()
end

check.test("a retained graph of batch norms gives the same bits, kept or made again", function()
  local rng = require("calr.rng").open { seed = 2 }
  local x, w = rng:fill_normal(T.zeros { 30, 6 }), rng:fill_normal(T.zeros { 6, 6 })
  local before = autograd.keep_below(0)
  local _ <close> = setmetatable({}, { __close = function() autograd.keep_below(before) end })
  local want
  for _, bound in ipairs { math.maxinteger, 0 } do
    autograd.keep_below(bound)
    local a, b = x:clone():requires_grad_(), w:clone():requires_grad_()
    local loss = blocks(a, b)
    for round = 1, 3 do
      loss:backward { retain_graph = round < 3 }
      want = want or { a:grad():clone(), b:grad():clone() }
      check.ok(want[1]:equal(a:grad()) and want[2]:equal(b:grad()), ("bound %d, round %d"):format(bound, round))
      a:zero_grad()
      b:zero_grad()
    end
  end
end)

check.test("what a retained graph keeps goes with the loss", function()
  local x = T.full({ 64, 64 }, .5):requires_grad_()
  collectgarbage()
  collectgarbage()
  local before = T.memory().live
  local loss = x:exp():exp():mean()
  loss:backward { retain_graph = true }
  loss:backward { retain_graph = true }
  x:zero_grad()
  loss = nil -- luacheck: ignore
  collectgarbage()
  collectgarbage()
  check.equal(T.memory().live, before)
end)

check.test("only what lies between is freed, and only what lies between must be there", function()
  local x = T({ 1, 2 }):requires_grad_()
  local h = x:exp()
  local y = (h * h):sum()
  local dh = autograd.grad(y, h)
  h:backward(dh) -- the way through the encoder afterwards
  local want = x:grad():clone()
  x:zero_grad();
  (x:exp() * x:exp()):sum():backward()
  check.all_near(want, x:grad(), 1e-6)
  -- h's graph is gone now; y needs it only for x
  local z = (h * 3):sum()
  check.all_near(autograd.grad(z, h, { retain_graph = true }), { 3, 3 }, 0)
  check.fails("through a graph that an earlier backward() freed, or not at all; pass retain_graph", autograd.grad, z, x)
  check.fails("retain_graph = true", autograd.grad, y, h)
end)

check.test("what grad leaves alone", function()
  local x, w = T({ 1, 2 }):requires_grad_(), T({ 3, 4 }):requires_grad_()
  x:set_grad(T { 7, 7 })
  local held = x:grad()
  local dx = autograd.grad((x * w):sum(), x)
  check.all_near(dx, { 3, 4 }, 0)
  check.all_near(x:grad(), { 7, 7 }, 0)
  check.equal(w:grad(), nil)
  dx:fill(0)
  check.all_near(held, { 7, 7 }, 0)
  -- two results never share memory, with each other or with what was given
  local dy = T { 1, 1 }
  local a = autograd.grad(x + w, { x, w, x }, { grad_outputs = dy })
  a[1]:fill(5)
  check.all_near(a[2], { 1, 1 }, 0)
  check.all_near(a[3], { 1, 1 }, 0)
  check.all_near(dy, { 1, 1 }, 0)
end)

check.test("y itself, a declared y, and a gradient of zeros", function()
  local x = T({ 1, 2 }):requires_grad_()
  check.all_near(autograd.grad(x, x, { grad_outputs = T { 4, 5 } }), { 4, 5 }, 0)
  local y = x * 2
  local found = autograd.grad(y, { y, x }, { grad_outputs = T { 1, 3 } })
  check.all_near(found[1], { 1, 3 }, 0)
  check.all_near(found[2], { 2, 6 }, 0)
  local stop = autograd.op { forward = function(_, a) return a * 1 end, backward = function() return nil end }
  check.all_near(autograd.grad(stop(x):sum(), x), { 0, 0 }, 0)
end)

check.test("what grad refuses", function()
  local x, z = T({ 1, 2 }):requires_grad_(), T({ 1 }):requires_grad_()
  local y = (x * x):sum()
  check.fails("grad: x, f32[2], needs no gradient; declare it with requires_grad(true)", autograd.grad, y, x:detach())
  check.fails("grad: y was not computed from x[2], f32[1]; declare tensors before", autograd.grad, y, { x, z })
  local some = autograd.grad(y, { x, z }, { allow_unused = true, retain_graph = true })
  check.all_near(some[1], { 2, 4 }, 0)
  check.equal(some[2], nil)
  check.equal(autograd.grad(y, z, { allow_unused = true, retain_graph = true }), nil)
  check.fails("grad starts from a single number, not from f32[2]", autograd.grad, x * x, x)
  check.fails("the gradient of f32[2] cannot be f32[3]", autograd.grad, x * x, x, { grad_outputs = T { 1, 2, 3 } })
  check.fails("holds 2 gradients for 1 tensors", autograd.grad, x * x, x, { grad_outputs = { T { 1, 2 }, T { 1, 2 } } })
  check.fails("one gradient for 2 tensors", autograd.grad, { y, y }, x, { grad_outputs = T(1) })
  check.fails("no tensor with requires_grad(true) lies behind", autograd.grad, T(1), x)
  check.fails("list of them", autograd.grad, y, 3)
  check.fails("item 2 is no tensor, but a number", autograd.grad, y, { x, 3 })
  check.fails("an empty list", autograd.grad, y, {})
  check.fails("an empty list", autograd.grad, {}, x)
  check.fails("did you mean \"retain_graph\"", autograd.grad, y, x, { retain_grpah = true })
  check.fails("calr has no second derivatives", autograd.grad, y, x, { create_graph = true })
  check.fails("calr has no second derivatives", y.backward, y, { create_graph = true })
  check.fails("given twice", y.backward, y, T(1), { gradient = T(1) })
  check.fails("boolean expected", y.backward, y, nil, 1)
  check.all_near(autograd.grad(y, x), { 2, 4 }, 0, "nothing was used up")
end)

check.test("a loss that is changed in place meanwhile", function()
  local x = T({ 1, 2 }):requires_grad_()
  local y = x:exp()
  local loss = y:sum()
  loss:backward { retain_graph = true }
  autograd.no_grad(y.fill, y, 1)
  check.fails("exp: its output, f32[2], was changed in place", loss.backward, loss, { retain_graph = true })
end)

check.test("through a checkpoint: its parameters, seen and unseen", function()
  local x, w, v = T({ 1, 2 }):requires_grad_(), T({ 3, 4 }):requires_grad_(), T({ 1, 1 }):requires_grad_()
  local function f(a) return a * w * w end
  local function y(run) return ((run and autograd.checkpoint(f, x) or f(x)) * w + v):sum() end
  local want = autograd.grad(y(false), { x, w, v })
  local loss = y(true)
  local found = autograd.grad(loss, { x, w, v }, { retain_graph = true })
  for i = 1, 3 do check.all_near(found[i], want[i], 1e-6) end
  check.all_near(autograd.grad(loss, w), want[2], 1e-6, "alone, and once more")
  for _, t in ipairs { x, w, v } do check.equal(t:grad(), nil) end
  -- only inside
  local hidden = autograd.checkpoint(f, x):sum()
  check.all_near(autograd.grad(hidden, w, { retain_graph = true }), { 6, 16 }, 1e-6)
  check.fails("was not computed from x, f32[2]", autograd.grad, hidden, v)
  check.equal(autograd.grad(autograd.checkpoint(f, x):sum(), v, { allow_unused = true }), nil)
  -- as before without grad
  autograd.checkpoint(f, x):sum():backward()
  check.all_near(w:grad(), { 6, 16 }, 1e-6)
end)

-- A graph at random: leaves, and nodes computed from earlier ones, some of which are used often and some never.
local function random_graph(rng, count)
  local nodes = {}
  local function pick() return nodes[rng:integer(1, #nodes)] end
  local function random() return rng:fill_uniform(T.zeros { 3, 4 }, .5, 1.5) end
  for i = 1, 3 do nodes[i] = random():requires_grad_() end
  local makers = {
    function() return pick() + pick() end,
    function() return pick() * pick() * .5 end,
    function() return pick() / (pick() + 2) end,
    function() return pick():sigmoid() end,
    function() return ops.cat({ pick():narrow(2, 1, 2), pick():narrow(2, 3, 2) }, 2) end,
    function()
      return ops.batch_norm(pick(), nil, nil, nil, nil, { training = true, relu = true, residual = pick() })
    end,
    function() return autograd.checkpoint(function(a, b) return a * b + a end, pick(), pick()) end,
  }
  for _ = 1, count do nodes[#nodes + 1] = makers[rng:integer(1, #makers)]() end
  return nodes, (nodes[#nodes] * random()):sum()
end

check.test("in graphs at random: all at once, each alone, hooks and backward agree, bit for bit", function()
  local rng = require("calr.rng").open { seed = 4 }
  for _ = 1, 30 do
    local nodes, loss = random_graph(rng, 12)
    local all = autograd.grad(loss, nodes, { allow_unused = true, retain_graph = true })
    local seen = {}
    for i, node in ipairs(nodes) do node:register_hook(function(g) seen[i] = g:clone() end) end
    loss:backward { retain_graph = true }
    for i, node in ipairs(nodes) do
      check.equal(seen[i] ~= nil, all[i] ~= nil, i)
      if all[i] then
        check.ok(seen[i]:equal(all[i]), i)
        local alone = autograd.grad(loss, node, { retain_graph = true })
        check.ok(alone:equal(all[i]), i)
        if node:is_leaf() then check.ok(node:grad():equal(all[i]), i) end
      end
    end
  end
end)

check.test("a computed tensor that keeps its gradient", function()
  local x = T({ 1, 2 }):requires_grad_()
  local y = (x * 3):retain_grad()
  check.ok(rawequal(x:retain_grad(), x), "a declared one does so anyway")
  check.equal(y:grad(), nil)
  local loss = (y * y):sum()
  autograd.grad(loss, x, { retain_graph = true })
  check.equal(y:grad(), nil, "grad adds nothing anywhere")
  loss:backward { retain_graph = true }
  check.all_near(y:grad(), { 6, 12 }, 0)
  local held = y:grad()
  loss:backward()
  check.all_near(held, { 12, 24 }, 0)
  check.all_near(x:grad(), { 36, 72 }, 0)
  check.equal(y:zero_grad():grad(), nil)
  y:set_grad(T { 1, 1 })
  check.all_near(y:grad(), { 1, 1 }, 0)
  check.fails("needs no gradient, so it will have none to keep", T({ 1 }).retain_grad, T { 1 })
  -- as its hooks leave it, and its own memory
  y = (x * 3):retain_grad()
  y:register_hook(function(g) return g * 2 end)
  y:sum():backward()
  check.all_near(y:grad(), { 2, 2 }, 0)
end)

check.test("detach_", function()
  local x = T({ 1, 2 }):requires_grad_()
  local y = x * 3
  local z = (y * y):sum()
  check.ok(rawequal(y:detach_(), y))
  check.equal(y:requires_grad(), false)
  check.equal((y * 2):requires_grad(), false)
  z:backward()
  check.all_near(x:grad(), { 18, 36 }, 0, "a graph that it is part of stays whole")
  check.equal(x:detach_():requires_grad(), false)
  check.equal(T({ 1 }):detach_():is_leaf(), true)
end)

check.test("the state of recording: enable_grad, set_recording, coroutines", function()
  local x = T({ 1 }):requires_grad_()
  check.equal(x:is_leaf(), true)
  check.equal((x * 2):is_leaf(), false)
  check.equal(x:requires_grad_(false):requires_grad(), false)
  x:requires_grad_()
  autograd.no_grad(function()
    check.equal((x * 2):requires_grad(), false)
    check.equal(autograd.enable_grad(function() return x * 2 end):requires_grad(), true)
    check.equal(autograd.recording(), false)
    check.equal(autograd.set_recording(true), false)
    check.equal((x * 2):requires_grad(), true)
  end)
  check.equal(autograd.recording(), true)
  check.equal(autograd.set_recording(false), true)
  check.equal(autograd.set_recording(false), false)
  check.equal(autograd.set_recording(true), false)
  check.equal(autograd.recording(), true)
  check.fails("boolean expected", autograd.set_recording)
  -- a coroutine that an error ends, and one that is dropped
  local co = coroutine.create(function() autograd.no_grad(error, "gone") end)
  check.equal(coroutine.resume(co), false)
  check.equal(autograd.recording(), true)
  check.fails("attempt to yield", coroutine.wrap(function() autograd.no_grad(coroutine.yield) end))
  check.equal(autograd.recording(), true)
end)

check.finish()
