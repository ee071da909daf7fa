--- @module calr.autograd.gradcheck
--- The Lua half of calr.autograd: gradients beside finite differences. It is reached as calr.autograd.gradcheck.

local Tensor = require "calr.tensor"
local autograd = require "calr.autograd"
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

local function check_numbers(options)
  for name, value in pairs(options) do
    if type(value) ~= "number" or not (value > 0 and value < math.huge) then
      complain("%s must be a number above 0, not %s", name, tostring(value))
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

local function flat(t)
  return t:contiguous():reshape({ -1 }):totable()
end

-- The numbers of the outputs that have a gradient, a list for each.
function Check:numbers(outputs)
  local lists = {}
  for k in pairs(self.weights) do lists[k] = flat(outputs[k]:detach()) end
  return lists
end

-- The weighted sum of the differences between the numbers of two places.
function Check:difference(up, down)
  local sum = 0
  for k, weights in pairs(self.weight_numbers) do
    for j, weight in ipairs(weights) do sum = sum + (up[k][j] - down[k][j]) * weight end
  end
  return sum
end

-- The numbers with element `at` of input i moved, and where it is then.
function Check:moved(i, at, step)
  local arguments = self:arguments()
  local row = arguments[i]:detach():reshape { -1 }
  row:set(at, row:get(at) + step)
  return self:numbers(self:call(arguments)), row:get(at)
end

-- The numbers with element `at` of input i moved up and down, and the distance between.
function Check:around(i, at, step)
  local up, high = self:moved(i, at, step)
  local down, low = self:moved(i, at, -step)
  return up, down, high - low, high, low
end

-- Of central differences of two widths: the errors of second order cancel.
local function extrapolate(wide, narrow)
  return (4 * narrow - wide) / 3
end

-- The slope along element `at` of input i, and the slopes to its two sides.
function Check:slope(i, at, value, eps)
  local up, down, width, high, low = self:around(i, at, eps)
  local closer_up, closer_down, closer_width = self:around(i, at, eps / 2)
  local slope = extrapolate(self:difference(up, down) / width, self:difference(closer_up, closer_down) / closer_width)
  return slope, self:difference(up, self.here) / (high - value), self:difference(self.here, down) / (value - low)
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
  local numbers, found = flat(x), gradient and flat(gradient)
  for at, value in ipairs(numbers) do
    local eps = options.eps * math.max(1, math.abs(value))
    local slope, right, left = self:slope(i, at, value, eps)
    local given = found and found[at] or 0
    local off, allowed = math.abs(given - slope), options.atol + options.rtol * math.abs(slope)
    worst.looked = worst.looked + 1
    if not (off <= allowed) then -- NaN is wrong too
      worst.count = worst.count + 1
      if not worst.off or off / allowed > worst.off then
        worst.off, worst.input, worst.x, worst.at, worst.eps = off / allowed, i, x, at, eps
        worst.given, worst.slope, worst.allowed = given, slope, allowed
        worst.kink = math.abs(right - left) > 0.1 * (math.abs(right) + math.abs(left))
        worst.unused = not found
      end
    end
  end
end

-- How element `at` of input i moves each element of output k: what backward gives, and what differences give.
function Check:column(k, i, at, eps)
  local up, down, width = self:around(i, at, eps)
  local closer_up, closer_down, closer_width = self:around(i, at, eps / 2)
  local arguments = self:arguments()
  local y = autograd.enable_grad(self.call, self, arguments)[k]
  local given, slopes = {}, {}
  for j = 1, #up[k] do
    slopes[j] = extrapolate((up[k][j] - down[k][j]) / width, (closer_up[k][j] - closer_down[k][j]) / closer_width)
    local one = Tensor.zeros(y:shape(), y:dtype())
    one:reshape({ -1 }):set(j, 1)
    local dx = autograd.grad(y, arguments[i], { grad_outputs = one, retain_graph = true, allow_unused = true })
    given[j] = dx and flat(dx)[at] or 0
  end
  return given, slopes
end

local most_outputs = 1000 -- of which each is looked at alone

-- Puts the numbers of the one output element that is most wrong in the place of those of all, weighted.
function Check:find_output(worst)
  local apart = 0
  for k, weight in pairs(self.weights) do
    if weight:numel() > most_outputs then return end
    local given, slopes = self:column(k, worst.input, worst.at, worst.eps)
    for j = 1, #given do
      local off = math.abs(given[j] - slopes[j])
      if not (off <= apart) then
        apart, worst.output, worst.element, worst.given, worst.slope = off, k, j, given[j], slopes[j]
        if off ~= off then return end
      end
    end
  end
end

local function describe_output(self, worst)
  if not worst.output then return "the sum of all results, with random weights," end
  local y = self.outputs[worst.output]
  local name = self.outputs.n > 1 and ("result %d"):format(worst.output) or "the result"
  return y:dim() == 0 and name or ("%s at [%s]"):format(name, position(y:shape(), worst.element))
end

function Check:report(worst)
  self:find_output(worst)
  local kink = worst.kink and "; the slopes to its two sides differ: if there is a kink, take other inputs" or ""
  complain("the gradient of %s with respect to input %d, %s, at [%s]: backward gives %.7g%s, finite differences "
    .. "%.7g%s. %d of %d elements of the inputs are wrong; this is the worst", describe_output(self, worst),
    worst.input, tostring(worst.x), position(worst.x:shape(), worst.at), worst.given,
    worst.unused and " (nothing leads there)" or "", worst.slope, kink, worst.count, worst.looked)
end

--- calr.autograd.gradcheck.run(fn, inputs, eps, atol, rtol)
--- See calr.autograd.gradcheck.
--- @return boolean
function gradcheck.run(fn, inputs, eps, atol, rtol)
  if type(fn) ~= "function" then complain("fn is a function of tensors, not a %s", type(fn)) end
  local self = setmetatable({ fn = fn, options = check_numbers { eps = eps, atol = atol, rtol = rtol } }, Check)
  self.inputs, self.checked, self.count = read_inputs(inputs)
  local gradients
  gradients, self.outputs = autograd.enable_grad(self.backward, self)
  local again = autograd.no_grad(self.call, self, self:arguments())
  self.here = self:numbers(self.outputs)
  self.weight_numbers = self:numbers(self.weights)
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
  if worst.count > 0 then autograd.no_grad(self.report, self, worst) end
  return true
end

return gradcheck
