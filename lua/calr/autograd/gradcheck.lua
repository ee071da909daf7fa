--- @module calr.autograd.gradcheck
--- The Lua half of calr.autograd: gradients beside finite differences. It is reached as calr.autograd.gradcheck.

local Tensor = require "calr.tensor"
local autograd = require "calr.autograd"
local check_options = require("calr.options").check
local rng = require "calr.rng"

local gradcheck = {}

-- Steps are wide, because the error of a difference falls with the fourth power of the step (see `slope`).
local defaults = {
  f64 = { eps = 1e-3, atol = 1e-7, rtol = 1e-5 },
  f32 = { eps = 1e-2, atol = 1e-3, rtol = 5e-3 },
}

local function complain(format, ...)
  error("gradcheck: " .. format:format(...), 0)
end

local function read_options(given)
  local options = check_options("calr.gradcheck", given, { "eps", "atol", "rtol" }, 3)
  for name, value in pairs(options) do
    if type(value) ~= "number" or not (value > 0 and value < math.huge) then
      complain("option \"%s\" must be a number above 0, not %s", name, tostring(value))
    end
  end
  return options
end

local function is_checked(t)
  return Tensor.is(t) and defaults[t:dtype()] ~= nil
end

-- The list of arguments, and which of them are checked: the declared ones, or else all of a suitable type.
local function read_inputs(inputs)
  local list = Tensor.is(inputs) and { inputs } or inputs
  if type(list) ~= "table" then complain("the inputs are a tensor or a list, not a %s", type(inputs)) end
  local declared, suitable, count = {}, {}, 0
  for i in pairs(list) do
    if math.type(i) ~= "integer" or i < 1 then complain("the inputs are a list; it has the key %s", tostring(i)) end
    count = math.max(count, i)
  end
  for i = 1, count do
    local t = list[i]
    if is_checked(t) then suitable[#suitable + 1] = i end
    if Tensor.is(t) and t:requires_grad() then
      if not is_checked(t) then
        complain("input %d is %s: too coarse for differences; check the operation in f32 or f64", i, tostring(t))
      end
      declared[#declared + 1] = i
    end
  end
  local checked = #declared > 0 and declared or suitable
  if #checked == 0 then complain("no input is a tensor of f32 or f64") end
  return list, checked, count
end

local Check = {}
Check.__index = Check

-- What fn(...) returned, as a list of tensors.
local function pack_outputs(...)
  local list = table.pack(...)
  for i = 1, list.n do
    if not Tensor.is(list[i]) then complain("fn must return tensors; result %d is a %s", i, type(list[i])) end
  end
  if list.n == 0 then complain("fn returned nothing") end
  return list
end

-- fn at the given arguments.
function Check:call(arguments)
  return pack_outputs(self.fn(table.unpack(arguments, 1, self.count)))
end

-- The arguments anew, tensors copied, so that fn may do with them what it likes; those checked are declared.
function Check:arguments()
  local list = {}
  for i = 1, self.count do
    local value = self.inputs[i]
    list[i] = Tensor.is(value) and value:detach():clone() or value
  end
  for _, i in ipairs(self.checked) do list[i]:requires_grad(true) end
  return list
end

-- A weight for each element of each output that has a gradient: with random weights, one backward sees all of them.
function Check:choose_weights(outputs)
  local random = rng.open { seed = 1 }
  self.weights = {}
  for i, y in ipairs(outputs) do
    if y:requires_grad() then
      self.weights[i] = random:fill_uniform(Tensor.zeros(y:shape()), 0.5, 1.5):to(y:dtype())
    end
  end
  if not next(self.weights) then complain("what fn returns does not depend on its inputs with a gradient") end
end

-- The gradients that backward gives, and the outputs. Two passes over a retained graph must agree.
function Check:backward()
  local arguments = self:arguments()
  local outputs = self:call(arguments)
  if not self.weights then self:choose_weights(outputs) end
  local ys, weights, xs = {}, {}, {}
  for i = 1, outputs.n do
    if self.weights[i] then ys[#ys + 1], weights[#weights + 1] = outputs[i], self.weights[i] end
  end
  for k, i in ipairs(self.checked) do xs[k] = arguments[i] end
  local options = { grad_outputs = weights, allow_unused = true, retain_graph = true }
  local first = autograd.grad(ys, xs, options)
  options.retain_graph = false
  local second = autograd.grad(ys, xs, options)
  for k, i in ipairs(self.checked) do
    if first[k] and not first[k]:equal(second[k]) then
      complain("two backward passes of the same graph gave different gradients of input %d: does backward change what "
        .. "it saved?", i)
    end
  end
  return first, outputs
end

-- The weighted sum of the differences between the outputs at two places.
function Check:difference(up, down)
  local sum = 0
  for i, weight in pairs(self.weights) do
    sum = sum + ((up[i]:detach() - down[i]:detach()) * weight):sum():item()
  end
  return sum
end

-- The outputs with element `at` of input i moved, and where it is then.
function Check:moved(i, at, step)
  local arguments = self:arguments()
  local row = arguments[i]:detach():reshape { -1 }
  row:set(at, row:get(at) + step)
  return self:call(arguments), row:get(at)
end

-- The slope along element `at` of input i, and how far apart the slopes to its two sides are. Central differences of
-- two widths cancel the error of the second order.
function Check:slope(i, at, value, eps)
  local function central(step)
    local up, high = self:moved(i, at, step)
    local down, low = self:moved(i, at, -step)
    return self:difference(up, down) / (high - low), up, down, high, low
  end
  local wide, up, down, high, low = central(eps)
  local narrow = central(eps / 2)
  local right = self:difference(up, self.outputs) / (high - value)
  local left = self:difference(self.outputs, down) / (value - low)
  return (4 * narrow - wide) / 3, right, left
end

-- Positions from 1, of element `at` in row-major order.
local function position(shape, at)
  local list, rest = {}, at - 1
  for d = #shape, 1, -1 do
    list[d] = rest % shape[d] + 1
    rest = rest // shape[d]
  end
  return table.concat(list, ", ")
end

-- Compares all elements of input i; keeps the worst in `worst`, and counts.
function Check:compare(i, gradient, worst)
  local x = self.inputs[i]:detach()
  local options = setmetatable(self.options, { __index = defaults[x:dtype()] })
  local numbers = x:contiguous():reshape({ -1 }):totable()
  local found = gradient and gradient:contiguous():reshape({ -1 }):totable()
  for at, value in ipairs(numbers) do
    local slope, right, left = self:slope(i, at, value, options.eps * math.max(1, math.abs(value)))
    local given = found and found[at] or 0
    local off, allowed = math.abs(given - slope), options.atol + options.rtol * math.abs(slope)
    worst.looked = worst.looked + 1
    if not (off <= allowed) then -- NaN is wrong too
      worst.count = worst.count + 1
      if not worst.off or off / allowed > worst.off then
        worst.off, worst.input, worst.x, worst.at = off / allowed, i, x, position(x:shape(), at)
        worst.given, worst.slope, worst.allowed = given, slope, allowed
        worst.kink = math.abs(right - left) > 0.1 * (math.abs(right) + math.abs(left))
        worst.right, worst.left, worst.unused = right, left, not found
      end
    end
  end
end

local function report(worst)
  local kink = worst.kink and ("; the slopes to its two sides differ, %.7g and %.7g: if it is a kink there, take other "
    .. "inputs"):format(worst.left, worst.right) or ""
  complain("input %d, %s, element [%s]: backward gives %.7g%s, finite differences %.7g (%.2g apart, %.2g allowed)%s. "
    .. "%d of %d elements are wrong; this is the worst", worst.input, tostring(worst.x), worst.at, worst.given,
    worst.unused and " (nothing leads there)" or "", worst.slope, math.abs(worst.given - worst.slope), worst.allowed,
    kink, worst.count, worst.looked)
end

--- calr.autograd.gradcheck.run(fn, inputs, options)
--- See calr.autograd.gradcheck.
--- @return boolean
function gradcheck.run(fn, inputs, options)
  if type(fn) ~= "function" then complain("fn is a function of tensors, not a %s", type(fn)) end
  local self = setmetatable({ fn = fn, options = read_options(options) }, Check)
  self.inputs, self.checked, self.count = read_inputs(inputs)
  local gradients
  gradients, self.outputs = autograd.enable_grad(self.backward, self)
  local again = autograd.no_grad(self.call, self, self:arguments())
  for i in pairs(self.weights) do
    if not again[i]:equal(self.outputs[i]) then
      complain("fn gave two different values of result %d for the same inputs: is there a random number in it, or a "
        .. "state that it changes?", i)
    end
  end
  local worst = { count = 0, looked = 0 }
  autograd.no_grad(function()
    for k, i in ipairs(self.checked) do self:compare(i, gradients[k], worst) end
  end)
  if worst.count > 0 then report(worst) end
  return true
end

return gradcheck
