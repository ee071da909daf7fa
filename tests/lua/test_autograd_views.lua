-- Gradients that are views of other gradients: what operations hand on without a copy is never shared by two holders.
local check = require "check"
local T = require "calr.tensor"
local calr = require "calr"
local autograd = require "calr.autograd"

-- Operations whose backward hands on its gradient, a view of it or a part of it. All are linear.
local steps = {
  function(x) return x:reshape(-1) end,
  function(x) return x:flatten() end,
  function(x) return x:reshape(1, -1) end,
  function(x) return x:reshape(-1, 2) end,
  function(x) return x:reshape(2, 1, -1) end,
  function(x) return x:unsqueeze(1):transpose(1, -1) end,
  function(x) return x:clone() end,
  function(x) return x:contiguous() end,
  function(x) return x + x end,
  function(x) return x + x:reshape(-1):flip(1):reshape(x:shape()) end,
  function(x) return calr.cat({ x, x:clone() }, 1) end,
  function(x) return calr.stack({ x:reshape(-1), x:flatten() }, 2) end,
  function(x) return x:reshape(-1):chunk(2)[1]:reshape(-1) end,
  function(x) return x:reverse_gradient(-1) end,
  function(x) return x:to "f64":to "f32" end,
  function(x) return x:reshape(-1, 2):select(2, 1):unsqueeze(2):expand(-1, 2) end,
}

local function random_graph(random)
  local chain = {}
  for i = 1, 1 + random(5) do chain[i] = steps[random(#steps)] end
  return function(x)
    local y = x
    for _, step in ipairs(chain) do
      if y:numel() > 96 or y:numel() % 4 > 0 then break end
      y = step(y)
    end
    return y
  end
end

local function whole_numbers(random, shape)
  local count, list = 1, {}
  for _, size in ipairs(shape) do count = count * size end
  for i = 1, count do list[i] = random(9) - 5 end
  return T(list):reshape(shape)
end

-- The gradient of a linear graph: for each element of x, what dy makes of the graph's output where only that one is 1.
local function expected(graph, shape, dy)
  local numel = T.zeros(shape):numel()
  local list = {}
  for i = 1, numel do
    local unit = T.zeros { numel }
    unit[i] = 1
    list[i] = (graph(unit:reshape(shape)) * dy):sum():item()
  end
  return T(list):reshape(shape)
end

check.test("gradients of random chains of views, exactly, and nobody shares their memory", function()
  math.randomseed(7)
  local random = math.random
  for round = 1, 150 do
    local graph, other = random_graph(random), random_graph(random)
    local shape = ({ { 4, 2 }, { 2, 2, 2 }, { 8 } })[random(3)]
    local a, b = whole_numbers(random, shape):requires_grad(true), whole_numbers(random, shape):requires_grad(true)
    local h = a + b
    local y, z = graph(h), other(h)
    local dy, dz = whole_numbers(random, y:shape()), whole_numbers(random, z:shape())
    local given, given_z = dy:clone(), dz:clone()
    local want = expected(graph, shape, dy) + expected(other, shape, dz)
    if round % 3 == 0 then h:retain_grad() end
    y:backward(dy, { retain_graph = true })
    z:backward(dz)
    local text = "round " .. round
    check.ok(a:grad():equal(want), text .. ": a")
    check.ok(b:grad():equal(want), text .. ": b")
    check.ok(dy:equal(given) and dz:equal(given_z), text .. ": what was given is as it was")
    if round % 3 == 0 then
      check.ok(h:grad():equal(want), text .. ": h")
      h:grad():fill(77)
    end
    a:grad():fill(99)
    dy:fill(55)
    dz:fill(55)
    check.ok(b:grad():equal(want), text .. ": b after the others were written")
  end
end)

check.test("grad() of chains of views", function()
  math.randomseed(8)
  for round = 1, 60 do
    local graph = random_graph(math.random)
    local x = whole_numbers(math.random, { 4, 2 }):requires_grad(true)
    local y = graph(x)
    local dy = whole_numbers(math.random, y:shape())
    local want, given = expected(graph, { 4, 2 }, dy), dy:clone()
    local dx = autograd.grad(y, x, { grad_outputs = dy })
    check.ok(dx:equal(want), "round " .. round)
    dx:fill(1)
    check.ok(dy:equal(given), "round " .. round .. ": what was given is as it was")
  end
end)

check.test("hooks that keep or change the gradient of a view", function()
  for _, keeps in ipairs { true, false } do
    local x = T({ 1, 2, 3, 4 }):requires_grad(true)
    local y = x:reshape(2, 2)
    local kept
    y:register_hook(function(dy)
      if keeps then
        kept = dy
      else
        dy:mul_(2)
      end
    end)
    local dy = T({ 1, 2, 3, 4 }):reshape(2, 2)
    y:mul(1):backward(dy)
    check.all_near(x:grad(), keeps and { 1, 2, 3, 4 } or { 2, 4, 6, 8 }, 0)
    x:grad():fill(9)
    check.all_near(dy:reshape(-1), { 1, 2, 3, 4 }, 0)
    if kept then check.all_near(kept:reshape(-1), { 1, 2, 3, 4 }, 0) end
  end
end)

check.test("finite differences through views", function()
  for _, f in ipairs {
    function(x) return (x:reshape(-1) * x:flatten()):reshape(3, 2) end,
    function(x) return x:exp():reshape(3, 2):transpose(1, 2):reshape(-1) end,
    function(x) return calr.cat({ x:reshape(-1), x:reshape(-1):exp() }, 1):reshape(2, -1) end,
  } do
    check.ok(calr.gradcheck(f, { T({ .1, .2, -.3, .4, .5, -.6 }, "f64"):reshape(2, 3):requires_grad(true) }))
  end
end)

check.finish()
