--- @module calr.models.contract
--- What a network must be able to do, whoever wrote it: behind calr.models.check and calr.models.inference.

local T = require "calr.tensor"
local autograd = require "calr.autograd"
local form = require "calr.form"
local rng = require "calr.rng"

local contract = {}

local methods = {
  { "forward", "forward(images, batch), which gives the features" },
  { "parameters", "parameters(), the list of {name=, tensor=} that are learned" },
  { "state", "state(), all tensors by name" }, { "load_state", "load_state(state)" },
  { "train", "train(on), which switches to training or evaluation mode" },
}

local function called(network)
  local meta = getmetatable(network)
  if type(network.name) == "string" then return network.name end
  return type(meta) == "table" and meta.__tostring and tostring(network) or "given"
end

local function check_fields(network)
  if type(network) ~= "table" and (type(network) ~= "userdata" or T.is(network)) then
    error(("a network is wanted, not a %s"):format(T.is(network) and "tensor" or type(network)), 0)
  end
  for _, method in ipairs(methods) do
    if type(network[method[1]]) ~= "function" then
      error(("the network %s has no method %s; layers of calr.nn have it"):format(called(network), method[2]), 0)
    end
  end
  if math.type(network.dim) ~= "integer" or network.dim < 1 then
    local is = network.dim == nil and "" or ("; it is %s"):format(tostring(network.dim))
    error(("the network %s must say how wide its features are: set .dim to a whole number, such as net.dim = 512%s")
      :format(called(network), is), 0)
  end
end

--- calr.models.contract.inference(network)
--- See calr.models.inference.
function contract.inference(network)
  if type(network.folded) == "function" then return network:folded() end
  network:train(false)
  return network
end

-- Shows the network an image, and looks at what comes out.
local function check_features(network, height, width)
  local images = rng.open { seed = 1, purpose = "first look" }:fill_normal(T.zeros { 1, height, width, 3 })
  local batch = { rows = T({ 0 }, "i64"), cameras = T({ 0 }, "i32"), images = images }
  local features = autograd.no_grad(function() return contract.inference(network):forward(images, batch) end)
  if not form.is(features, "f32", 1, network.dim) then
    error(("the network %s gives %s for an image of %dx%d, and must give features f32[1 x %d]: its .dim is %d"):format(
      called(network), form.text(features), height, width, network.dim, network.dim), 0)
  end
  local length = features:norm():item()
  if math.abs(length - 1) > 1e-2 then -- NaN, of weights that have diverged, is said elsewhere
    error(("the network %s gives features of length %.3g, and must give unit features: end its forward function with "
      .. "calr.l2_normalize"):format(called(network), length), 0)
  end
end

local seen = setmetatable({}, { __mode = "k" }) -- network -> "64x32": it has been shown an image of that size

--- calr.models.contract.check(network [, size])
--- See calr.models.check.
function contract.check(network, size)
  check_fields(network)
  local text = size and ("%dx%d"):format(size.height, size.width)
  if text and seen[network] ~= text then
    check_features(network, size.height, size.width)
    seen[network] = text
  end
  return network
end

return (require("calr.options").counted("calr.models.", contract))
