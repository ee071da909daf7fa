-- calr.gradcheck: it passes what is right, and names what is wrong.
local calr = require "calr"
local check = require "check"
local cases = require "ops_cases"
local T = require "calr.tensor"
local autograd = require "calr.autograd"

local function cube(factor)
  return autograd.op {
    name = "cube",
    forward = function(ctx, x) ctx:save(x) return x * x * x end,
    backward = function(ctx, dy)
      local x = ctx:saved()
      return dy * x * x * factor
    end,
  }
end

check.test("a right gradient passes, of declared inputs or of all", function()
  local x, y = T { { 1, 2 }, { -3, .5 } }, T { { 2, 3 }, { 1, 1 } }
  check.equal(calr.gradcheck(cube(3), x), true)
  check.equal(calr.gradcheck(function(a, b) return a * b, (a - b):exp() end, { x, y }), true)
  check.equal(calr.gradcheck(function(a, k, b) return a * b ^ k end, { x, 2, y }), true)
  check.equal(calr.gradcheck(function(a, b) return a * b:detach() end, { x:clone():requires_grad_(), y }), true)
  check.equal(calr.gradcheck(function(a) return a:sum() end, { x:transpose(1, 2) }), true)
  check.equal(calr.gradcheck(function(a) return a:reshape { -1 } end, T(2)), true)
  check.equal(calr.gradcheck(function(a) return a:sum() end, T.zeros { 0, 3 }), true)
  check.equal(calr.gradcheck, autograd.gradcheck)
  -- neither inputs nor the state of recording change
  check.all_near(x, { { 1, 2 }, { -3, .5 } }, 0)
  check.equal(x:requires_grad(), false)
  check.equal(autograd.no_grad(calr.gradcheck, cube(3), x), true)
  check.ok(autograd.recording())
end)

check.test("the operations of the engine pass", function()
  local passed = 0
  for _, case in ipairs(cases.golden().cases) do
    -- Kinks that an input lies near, and a gradient that is none.
    local smooth = not (case.name:find "max_pool" or case.name:find "hardswish" or case.name:find "reverse")
    if smooth then
      local fixed, names, inputs = cases.variables(case, false), {}, {}
      for name in pairs(case.inputs) do
        names[#names + 1] = name
        inputs[#inputs + 1] = fixed[name]
      end
      local ok, message = pcall(calr.gradcheck, function(...)
        local variables = setmetatable({}, { __index = fixed })
        for i, name in ipairs(names) do variables[name] = (select(i, ...)) end
        return cases.evaluate(case, variables)
      end, inputs)
      check.ok(ok, case.name .. ": " .. tostring(message))
      passed = passed + 1
    end
  end
  check.ok(passed > 60, passed)
end)

check.test("in f64 small mistakes show", function()
  local x = T({ { 1, 2 }, { -3, .5 } }, "f64")
  check.equal(calr.gradcheck(cube(3), x), true)
  check.equal(calr.gradcheck(cube(3.002), x:to "f32"), true)
  check.fails("with respect to input 1, f64[2 x 2], at [2, 1]: backward gives 27.018, finite differences 27.",
    calr.gradcheck, cube(3.002), x)
end)

check.test("a wrong gradient is named: input, element, both numbers", function()
  local x, y = T { { 1, 2 }, { -3, .5 } }, T { { 2, 3 }, { 1, 1 } }
  local mul = autograd.op {
    forward = function(ctx, a, b) ctx:save(a, b) return a * b end,
    backward = function(ctx, dy)
      local a, b = ctx:saved()
      local da = dy * b
      da:set(2, 1, da:get(2, 1) + 1)
      return da, dy * a
    end,
  }
  local ok, message = pcall(calr.gradcheck, mul, { x, y })
  check.ok(not ok)
  -- the error comes with any dy, so that it shows for the first element of the result, which has nothing to do with it
  check.ok(message:find("the gradient of the result at [1, 1] with respect to input 1, f32[2 x 2], at [2, 1]: backward "
    .. "gives 1, finite differences 0. 1 of 8 elements of the inputs are wrong; this is the worst", 1, true), message)
  check.fails("the result at [2, 1] with respect to input 1, f32[2 x 2], at [2, 1]: backward gives 26.1, finite "
    .. "differences 27", calr.gradcheck, cube(2.9), x)
  check.fails("4 of 4 elements of the inputs are wrong", calr.gradcheck, cube(2.9), x)
  check.fails("the gradient of result 2 with respect to input 1, f32[2 x 2], at [1, 1]: backward gives 1, finite "
    .. "differences 1.",
    calr.gradcheck, function(a) return a, a:detach():select(1, 1):select(1, 1) * a:sum() end, x)
  check.fails("the sum of all results, with random weights, with respect", calr.gradcheck, function(a)
    return cube(2)(a:reshape { 1, 4 }) + T.zeros { 500, 4 } end, x)
  check.equal(calr.gradcheck(cube(2.9), x, { rtol = .1 }), true)
  check.fails("backward gives 0 (nothing leads there)", calr.gradcheck,
    function(a, b) return a:detach() * 3 + b end, { x, y })
  check.fails("the slopes to its two sides differ: if there is a kink", calr.gradcheck,
    function(a) return a:relu() end, T { 0, 1 })
  local nan = autograd.op { forward = function(_, a) return a * 1 end,
    backward = function(_, dy) return dy * (0 / 0) end }
  check.fails("backward gives ", calr.gradcheck, nan, x)
end)

check.test("a function that does not repeat, and a backward that does not", function()
  local x = T { 1, 2 }
  local count = 0
  check.fails("two different values of result 1 for the same inputs", calr.gradcheck, function(a)
    count = count + 1
    return a * count
  end, x)
  local calls = 0
  local moody = autograd.op { forward = function(_, a) return a * 1 end,
    backward = function(_, dy) calls = calls + 1 return dy * calls end }
  check.fails("two backward passes of the same graph gave different gradients of input 1", calr.gradcheck, moody, x)
end)

check.test("what it refuses", function()
  local x = T { 1, 2 }
  check.fails("fn is a function of tensors, not a nil", calr.gradcheck, nil, x)
  check.fails("the inputs are a tensor or a list, not a number", calr.gradcheck, print, 3)
  check.fails("has no argument \"x\"", calr.gradcheck, print, { x = x })
  check.fails("no input is a tensor of f32 or f64", calr.gradcheck, print, T({ 1 }, "i32"))
  check.fails("input 1 is bf16[2]: too coarse for differences", calr.gradcheck, print, x:to("bf16"):requires_grad_())
  check.fails("result 1 is a number", calr.gradcheck, function() return 1 end, x)
  check.fails("fn returned nothing", calr.gradcheck, function() end, x)
  check.fails("does not depend on its inputs with a gradient", calr.gradcheck, function(a) return a:detach() end, x)
  check.fails("(did you mean \"eps\"?)", calr.gradcheck, print, x, { epss = 1 })
  check.fails("atol must be a number above 0, not -1", calr.gradcheck, print, x, { atol = -1 })
  check.fails("takes at most 5 arguments", calr.gradcheck, print, x, 1, 1, 1, 1)
  check.fails("a slip", calr.gradcheck, function() error "a slip" end, x)
  check.ok(autograd.recording())
end)

check.finish()
