-- What the tests of the operations share: evaluating a golden case (tests/reference/ops/golden.lua) and checking
-- gradients by finite differences.
local ops = require "calr.tensor"
local tensor = require "calr.tensor"

local cases = {}

function cases.golden()
  return dofile(os.getenv "CALR_TEST_REFERENCE" .. "/ops/golden.lua")
end

function cases.tensor(array)
  local t = tensor.from(table.move(array, 1, #array, 1, {}))
  return t:reshape(array.shape)
end

-- Lists of labels or row numbers become i32; arrays with a shape f32.
local function constant(value)
  if value.shape then return cases.tensor(value) end
  return tensor(value, "i32")
end

local function call(expression, variables)
  local environment = setmetatable({ ops = ops }, { __index = variables })
  return assert(load("return " .. expression, expression, "t", environment))()
end

-- The inputs (needing gradients if `wanted`) and constants of a case, fresh.
function cases.variables(case, wanted)
  local variables = {}
  for name, array in pairs(case.inputs) do variables[name] = cases.tensor(array):requires_grad(wanted) end
  for name, value in pairs(case.constants or {}) do variables[name] = constant(value) end
  return variables
end

function cases.evaluate(case, variables)
  return call(case.expression, variables)
end

local function dot(a, b)
  local sum = 0
  for i = 1, #a do sum = sum + a[i] * b[i] end
  return sum
end

local function flat(t)
  return t:contiguous():reshape({ -1 }):totable()
end

-- Central differences of sum(y * dy) for elements of every input (about 40 of each, spread evenly), against `grads`
-- (name -> tensor). Where the slopes to either side differ there is a kink (ReLU, maximum): no gradient to compare;
-- such elements are counted. Returns the worst error relative to max(1, |gradient|), the place of it, the elements
-- looked at and the kinks.
function cases.differences(case, dy, grads)
  local step, worst, where, looked, kinks = 1e-2, 0, "", 0, 0
  local weights = flat(dy)
  local function value(variables, name, i, shift)
    local fresh = setmetatable({}, { __index = variables })
    local moved = variables[name]:detach():clone()
    local row = moved:reshape { -1 }
    row:set(i, row:get(i) + shift)
    fresh[name] = moved
    for key, v in pairs(variables) do -- running statistics change: every evaluation gets its own
      if key ~= name then fresh[key] = v:detach():clone() end
    end
    return dot(flat(cases.evaluate(case, fresh)), weights)
  end
  local variables = cases.variables(case, false)
  for name in pairs(case.inputs) do
    local gradient = flat(grads[name])
    for i = 1, #gradient, math.max(1, #gradient // 40) do
      local here = value(variables, name, i, 0)
      local up, down = value(variables, name, i, step), value(variables, name, i, -step)
      local right, left, central = (up - here) / step, (here - down) / step, (up - down) / (2 * step)
      local fine = (value(variables, name, i, step / 2) - value(variables, name, i, -step / 2)) / step
      local scale = math.max(1, math.abs(gradient[i]))
      looked = looked + 1
      -- A smooth curve has slopes that close up fourfold when the step is halved; a kink keeps them apart.
      local best = (4 * fine - central) / 3
      local wrong = math.abs(best - gradient[i]) / scale
      if wrong > 5e-3 and math.abs(right - left) > 0.02 * scale then
        kinks = kinks + 1
      elseif wrong > worst then
        worst, where = wrong, ("%s[%d]: differences give %.6g, backward %.6g"):format(name, i, best, gradient[i])
      end
    end
  end
  return worst, where, looked, kinks
end

return cases
