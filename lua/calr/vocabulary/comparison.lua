--- @module calr.vocabulary.comparison
--- Whether numbers are close to one another.

local T = require "calr.tensor"

local comparison = {}

-- In f64, where no integer of the vocabulary's arithmetic and no float is rounded.
local function wide(x)
  return x:dtype() == "f64" and x or x:to "f64"
end

--- calr.isclose(a, b [, rtol, atol, equal_nan])
--- Tells element by element whether |a - b| <= atol + rtol |b|. Equal infinities are close.
--- @param a          tensor
--- @param b          tensor, repeated to the shape of a, or the other way round
--- @param rtol       number; 1e-5 by default
--- @param atol       number; 1e-8 by default
--- @param equal_nan  whether two NaN are close; false by default
--- @return tensor  bool
function comparison.isclose(a, b, rtol, atol, equal_nan)
  a, b = wide(a), wide(b)
  local near = (a - b):abs():le(b:abs() * (rtol or 1e-5) + (atol or 1e-8)) & b:isfinite()
  local same = a:eq(b)
  return equal_nan and near | same | (a:isnan() & b:isnan()) or near | same
end

--- calr.allclose(a, b [, rtol, atol, equal_nan])
--- Tells whether all elements are close, as calr.isclose says.
--- @param a          tensor
--- @param b          tensor
--- @param rtol       number; 1e-5 by default
--- @param atol       number; 1e-8 by default
--- @param equal_nan  whether two NaN are close; false by default
--- @return boolean
function comparison.allclose(a, b, rtol, atol, equal_nan)
  return T.all(comparison.isclose(a, b, rtol, atol, equal_nan)):item()
end

return comparison
