--- @module calr.options
--- The check of a table of options, for functions written in Lua.

local sys = require "calr.sys"

local options = {}

--- calr.options.check(what, given, names [, depth])
--- Raises an error, at the line that called the function that checks, when a table has a key that is not among the
--- names; it says which was meant.
--- @param what   the function, for the message: "calr.models.small"
--- @param given  the table of options, or nil
--- @param names  list of the names there are
--- @param depth  1 (default): check is called by the function itself; 2: by one that it calls
--- @return table  the options; an empty table for nil
function options.check(what, given, names, depth)
  local level = (depth or 1) + 2
  if given == nil then return {} end
  if type(given) ~= "table" then error(("%s wants a table of options, not a %s"):format(what, type(given)), level) end
  local known = {}
  for _, name in ipairs(names) do known[name] = true end
  for name in pairs(given) do
    if not known[name] then
      local near = type(name) == "string" and sys.nearest(name, names)
      error(("%s has no option \"%s\"%s; there are: %s"):format(what, tostring(name),
        near and (" (did you mean \"%s\"?)"):format(near) or "", table.concat(names, ", ")), level)
    end
  end
  return given
end

return options
