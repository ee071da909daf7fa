--- @module calr.nn.given
--- Checks of what layers are made with; the errors stand at the line of the script.

local given = {}

--- calr.nn.given.whole(what, name, value, least [, depth])
--- @param what   the function that makes the layer: "calr.nn.linear"
--- @param name   of the argument
--- @param value  must be a whole number of at least `least`
--- @param depth  1 (default): called by that function itself; 2: by one that it calls
--- @return integer  the value
function given.whole(what, name, value, least, depth)
  if math.type(value) ~= "integer" or value < least then
    error(("%s: %s must be a whole number of at least %d, not %s"):format(what, name, least, tostring(value)),
      (depth or 1) + 2)
  end
  return value
end

--- calr.nn.given.number(what, name, value, least, most [, depth])
--- @param value  must be a number from `least` to `most`
--- @param depth  as of calr.nn.given.whole
--- @return number  the value
function given.number(what, name, value, least, most, depth)
  if type(value) ~= "number" or not (value >= least and value <= most) then
    error(("%s: %s must be a number from %g to %g, not %s"):format(what, name, least, most, tostring(value)),
      (depth or 1) + 2)
  end
  return value
end

--- calr.nn.given.choice(what, name, value, choices)
--- @param choices  list of the texts that there are
--- @return string  the value
function given.choice(what, name, value, choices)
  for _, choice in ipairs(choices) do
    if value == choice then return value end
  end
  error(("%s: %s \"%s\" is not known; there are: %s"):format(what, name, tostring(value), table.concat(choices, ", ")),
    3)
end

--- calr.nn.given.layer(what, name, value)
--- @param value  must be a layer
--- @return layer  the value
function given.layer(what, name, value)
  if type(value) ~= "table" or type(value.forward) ~= "function" or rawget(value, "own_parameters") == nil then
    error(("%s: %s is a %s and no layer"):format(what, name, type(value)), 3)
  end
  return value
end

return given
