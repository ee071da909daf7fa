--- @module calr.lab.export.fold
--- Multiplies batch normalisations into the convolutions and linear layers before them. Unlike calr.nn.folded, which
--- follows what classes declare, this looks at what was computed: a normalisation is folded where the layer before it
--- gives its result to nobody else.

local graph = require "calr.lab.export.graph"
local record = require "calr.lab.export.record"

local fold = {}

-- How often each value is an argument of a node; the result of the network counts too.
local function count_uses(made)
  local uses = { [made.result] = 1 }
  local function visit(thing)
    if record.is_value(thing) then
      uses[thing] = (uses[thing] or 0) + 1
    elseif type(thing) == "table" then
      for _, item in pairs(thing) do visit(item) end
    end
  end
  for _, node in ipairs(made.nodes) do visit(node.given) end
  return uses
end

local kinds = { conv2d = true, linear = true }

-- Whether the numbers of a parameter belong to one call alone.
local function is_own(value, uses)
  return value and value.constant and value.name and uses[value] == 1
end

local function can_fold(norm, before, uses)
  if not before or not kinds[before.name] or uses[before.outs[1]] ~= 1 then return false end
  local a, b = graph.arguments(norm), graph.arguments(before)
  local bias = before.name == "linear" and b.bias or (b.options or {}).bias
  if (a.options or {}).training or not is_own(b.w, uses) or bias and not is_own(bias, uses) then return false end
  for _, name in ipairs { "gamma", "beta" } do
    if a[name] and not is_own(a[name], uses) then return false end
  end
  return is_own(a.running_mean, uses) and is_own(a.running_var, uses)
end

-- w' = w gamma / sqrt(var + eps), b' = (b - mean) gamma / sqrt(var + eps) + beta
local function multiply(norm, before)
  local a, b = graph.arguments(norm), graph.arguments(before)
  local bias = before.name == "linear" and b.bias or (b.options or {}).bias
  local scale = (a.running_var.constant + ((a.options or {}).eps or 1e-5)):sqrt():reciprocal()
  if a.gamma then scale = a.gamma.constant * scale end
  local shift = bias and bias.constant - a.running_mean.constant or -a.running_mean.constant
  shift = shift * scale
  if a.beta then shift = shift + a.beta.constant end
  local rows = #b.w.shape == 2 and scale:reshape(-1, 1) or scale:reshape(-1, 1, 1, 1)
  return b.w.constant * rows, shift, bias
end

local function used_roots(made)
  local roots = {}
  local function visit(thing)
    if record.is_value(thing) then
      for name in pairs(thing.roots or {}) do roots[name] = true end
    elseif type(thing) == "table" then
      for _, item in pairs(thing) do visit(item) end
    end
  end
  for _, node in ipairs(made.nodes) do visit(node.given) end
  return roots
end

--- calr.lab.export.fold.norms(made)
--- Folds what can be folded. The nodes say so: a convolution or linear layer gets weight, bias and bias_name, its norm
--- `folded`.
--- @param made  a program of calr.lab.export.program, changed in place
--- @return integer  how many normalisations were folded
function fold.norms(made)
  local uses, count = count_uses(made), 0
  for _, norm in ipairs(made.nodes) do
    local x = norm.name == "batch_norm" and graph.arguments(norm).x
    local before = x and x.node
    if before and not x.fixed and can_fold(norm, before, uses) then
      local bias
      before.weight, before.bias, bias = multiply(norm, before)
      local name = graph.arguments(before).w.name
      before.bias_name = bias and bias.name or (name:gsub("%.?weight$", "") .. ".bias")
      norm.folded, before.norm, count = true, norm, count + 1
    end
  end
  return count
end

--- calr.lab.export.fold.state(made, state)
--- The tensors of a network without those that nothing of its features depends on, and with norms that fold.norms has
--- folded inside the weights before them.
--- @param state  name -> tensor: the network's
--- @return table  name -> tensor
function fold.state(made, state)
  local new = {}
  for name in pairs(used_roots(made)) do new[name] = state[name] end
  for _, node in ipairs(made.nodes) do
    if node.norm then
      local a, b = graph.arguments(node.norm), graph.arguments(node)
      for _, name in ipairs { "gamma", "beta", "running_mean", "running_var" } do
        if a[name] then new[a[name].name] = nil end
      end
      new[b.w.name], new[node.bias_name] = node.weight, node.bias
    end
  end
  return new
end

return fold
