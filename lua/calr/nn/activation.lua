--- @module calr.nn.activation
--- Activations. Reached through calr.nn.

local counted = require("calr.options").counted
local module = require "calr.nn.module"
local T = require "calr.tensor"
local class, new = module.class, module.new

local activation = {}

local Relu = class "Relu"

--- calr.nn.relu()
--- @return layer
function activation.relu()
  return new(Relu)
end

function Relu:forward(x)
  return T.relu(x)
end

return (counted("calr.nn.", activation))
