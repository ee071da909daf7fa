--- @module calr.vocabulary.types
--- What kind of value something is.

local tensor = require "calr.tensor"

local types = {}

--- calr.is_tensor(value)
--- Whether a value is a tensor.
--- @param value  any
--- @return boolean
function types.is_tensor(value)
  return tensor.is(value)
end

local floats = { f16 = true, bf16 = true, f32 = true, f64 = true }

--- calr.is_floating_point(x)
--- Whether the elements are f64, f32, bf16 or f16.
--- @param x  tensor
--- @return boolean
function types.is_floating_point(x)
  return floats[x:dtype()] or false
end

return types
