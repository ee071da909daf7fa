--- @module calr.memory.state
--- What memories share: checked settings, and state for checkpoints.

local T = require "calr.tensor"

local state = {}

--- calr.memory.state.number(what, value, low, high)
--- A setting of a memory: a number of low .. high (low itself is out when it is 0 and high is nil). An error of the
--- caller's caller otherwise.
--- @param what   its name, for the message
--- @param value  what was given
--- @param low    the least
--- @param high   the most; nil: there is none, and the number is above `low`
--- @return number
function state.number(what, value, low, high)
  local fits = type(value) == "number" and (high and value >= low and value <= high or not high and value > low)
  if not fits then
    local range = high and ("from %g to %g"):format(low, high) or ("above %g"):format(low)
    error(("%s must be a number %s, not %s"):format(what, range, tostring(value)), 3)
  end
  return value
end

--- calr.memory.state.tensors(what, given, names)
--- Checks that tensors were given where a memory is made; an error of the caller's caller otherwise.
--- @param what   the function that makes it: "calr.memory.cluster"
--- @param given  name -> value
--- @param names  list of those that must be tensors
function state.tensors(what, given, names)
  for _, name in ipairs(names) do
    local value = given[name]
    if not T.is(value) then
      error(("%s: %s must be a tensor, %s"):format(what, name, value == nil and "and is missing"
        or ("not a %s"):format(type(value))), 3)
    end
  end
end

--- calr.memory.state.save(memory, names)
--- The tensors of a memory, by name; its own, not copies.
--- @param memory  a table
--- @param names   list of fields that are tensors; those that are nil are left out
--- @return table  name -> tensor
function state.save(memory, names)
  local map = {}
  for _, name in ipairs(names) do map[name] = memory[name] end
  return map
end

--- calr.memory.state.load(memory, names, map)
--- Takes back what save gave, as copies. A name that is missing or strange, or a tensor of another type or another
--- number of dimensions or columns than the memory's, is an error that says so, and changes nothing.
--- @param memory  a table
--- @param names   list of fields
--- @param map     name -> tensor
function state.load(memory, names, map)
  local copies, left = {}, {}
  for name in pairs(map) do left[name] = true end
  for _, name in ipairs(names) do
    local own, given = memory[name], map[name]
    left[name] = nil
    if (own == nil) ~= (given == nil) then
      error(("the state %s \"%s\""):format(given == nil and "lacks" or "has a strange tensor", name), 3)
    end
    if own then
      local fits = T.is(given) and given:dtype() == own:dtype() and given:dim() == own:dim()
        and (own:dim() < 2 or given:size(2) == own:size(2))
      if not fits then
        error(("\"%s\" of the state is %s; it does not fit the memory's, %s"):format(name, tostring(given),
          tostring(own)), 3)
      end
      copies[name] = given:clone()
    end
  end
  local strange = next(left)
  if strange then error(("the state has a strange tensor \"%s\""):format(tostring(strange)), 3) end
  for name, copy in pairs(copies) do memory[name] = copy end
end

return state
