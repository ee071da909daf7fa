--- @module calr.tables
--- Lua tables as sets and dictionaries: what scripts and modules need where the order of pairs() must not show.

local tables = {}

--- calr.tables.sorted_keys(map)
--- Returns the keys of a table in ascending order, so that what is done for each of them is always done in the same
--- order. Keys are all strings or all numbers.
--- @param map  table
--- @return table  a list
function tables.sorted_keys(map)
  local keys = {}
  for key in pairs(map) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

--- calr.tables.merged(base, changes)
--- Returns a new table with the fields of both; those of `changes` win.
--- @param base     table
--- @param changes  table; {} for a plain copy
--- @return table
function tables.merged(base, changes)
  local result = {}
  for key, value in pairs(base) do result[key] = value end
  for key, value in pairs(changes) do result[key] = value end
  return result
end

--- calr.tables.copy(value)
--- Returns a copy of a table and of the tables in it; any other value is itself.
--- @param value  any
--- @return any
function tables.copy(value)
  if type(value) ~= "table" then return value end
  local result = {}
  for key, item in pairs(value) do result[key] = tables.copy(item) end
  return result
end

return tables
