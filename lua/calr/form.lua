--- @module calr.form
--- The form of a tensor: its type and its shape.

local T = require "calr.tensor"

local form = {}

--- calr.form.is(value, dtype, ...)
--- Tells whether a value is a tensor of this type and these dimensions.
--- @param value  any
--- @param ...    integers; the size of each dimension, nil for any
--- @return boolean
function form.is(value, dtype, ...)
  local dims = select("#", ...)
  if not T.is(value) or value:dtype() ~= dtype or value:dim() ~= dims then return false end
  for dim = 1, dims do
    local size = select(dim, ...)
    if size and value:size(dim) ~= size then return false end
  end
  return true
end

--- calr.form.text(value)
--- Describes a value in a message.
--- @return string  "f32[2 x 3]"; "nil" or "a table" where it is not a tensor
function form.text(value)
  if T.is(value) then return ("%s[%s]"):format(value:dtype(), table.concat(value:shape(), " x ")) end
  return value == nil and "nil" or type(value) == "userdata" and tostring(value) or "a " .. type(value)
end

return form
