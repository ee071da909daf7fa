--- @module calr.autograd.clip
--- The Lua half of calr.autograd: gradients kept within bounds. It is reached as calr.autograd.clip_grad_norm_ and
--- calr.autograd.clip_grad_value_.

local Tensor = require "calr.tensor"
local autograd = require "calr.autograd"

local clip = {}

local function complain(what, format, ...)
  error(("%s: %s"):format(what, format:format(...)), 0)
end

-- The gradients of a tensor, of a list of tensors, or of parameters {name =, tensor =}; those without one are left out.
local function gradients(what, parameters)
  local list = Tensor.is(parameters) and { parameters } or parameters
  if type(list) ~= "table" then
    complain(what, "give it a tensor, a list of them, or net:parameters(), not a %s", type(list))
  end
  if type(list.parameters) == "function" then complain(what, "give it the network's parameters, net:parameters()") end
  local found = {}
  for i, item in ipairs(list) do
    local t = type(item) == "table" and item.tensor or item
    if not Tensor.is(t) then complain(what, "item %d is a %s, not a tensor or parameter", i, type(t)) end
    found[#found + 1] = t:grad()
  end
  return found
end

local function check_number(what, name, value)
  if type(value) ~= "number" or not (value >= 0) then
    complain(what, "%s must be a number of 0 or more, not %s", name, tostring(value))
  end
end

-- The norm of all elements of all tensors: that of their norms.
local function total_norm(list, norm_type)
  local norms = {}
  for i, g in ipairs(list) do norms[i] = g:norm(norm_type):item() end
  return #norms > 0 and Tensor(norms, "f64"):norm(norm_type):item() or 0
end

--- calr.autograd.clip.norm(parameters, max_norm, norm_type, error_if_nonfinite)
--- See calr.autograd.clip_grad_norm_.
--- @return number
function clip.norm(parameters, max_norm, norm_type, error_if_nonfinite)
  local what = "calr.autograd.clip_grad_norm_"
  norm_type = norm_type == nil and 2 or norm_type
  check_number(what, "max_norm", max_norm)
  if type(norm_type) ~= "number" or not (norm_type > 0) then
    complain(what, "norm_type must be a number above 0 (math.huge: the largest element), not %s", tostring(norm_type))
  end
  local list = gradients(what, parameters)
  return autograd.no_grad(function()
    local total = total_norm(list, norm_type)
    if error_if_nonfinite and not (total < math.huge) then
      complain(what, "the norm of the gradients is %s; calr.autograd.detect_anomaly finds where it comes from",
        total ~= total and "NaN" or "infinite")
    end
    local factor = max_norm / (total + 1e-6)
    if not (factor >= 1) then
      for _, g in ipairs(list) do g:mul_(factor) end
    end
    return total
  end)
end

--- calr.autograd.clip.value(parameters, clip_value)
--- See calr.autograd.clip_grad_value_.
function clip.value(parameters, clip_value)
  local what = "calr.autograd.clip_grad_value_"
  check_number(what, "clip_value", clip_value)
  local list = gradients(what, parameters)
  autograd.no_grad(function()
    for _, g in ipairs(list) do g:clamp_(-clip_value, clip_value) end
  end)
end

return clip
