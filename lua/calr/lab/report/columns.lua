--- @module calr.lab.report.columns
--- Tables of many rows as columns for the page's JSON: numbers shortened, repeated values written once.

local format = require("calr.config").format
local json = require "calr.json"
local thin = require "calr.lab.pictures.thin"

local columns = {}

--- calr.lab.report.columns.short(x [, digits])
--- Rounds a number to `digits` significant digits (default 6); a whole one becomes an integer. Not finite: JSON's null.
--- @return number
function columns.short(x, digits)
  if x == nil or x ~= x or x == math.huge or x == -math.huge then return json.null end
  if math.type(x) == "integer" then return x end
  local y = tonumber((digits and ("%%.%dg"):format(digits) or "%.6g"):format(x))
  return math.abs(y) < 1e15 and math.tointeger(y) or y
end

--- calr.lab.report.columns.fixed(x, digits)
--- Rounds a number to `digits` digits after the point, for times; absent: JSON's null.
--- @return number
function columns.fixed(x, digits)
  if x == nil then return json.null end
  local y = tonumber(("%%.%df"):format(digits):format(x))
  return math.abs(y) < 1e15 and math.tointeger(y) or y
end

--- calr.lab.report.columns.scalar(value)
--- Returns a configuration's value for the page: numbers shortened to 12 digits, lists as text, nil as JSON's null.
--- @return any
function columns.scalar(value)
  if value == nil then return json.null end
  if type(value) == "number" then return columns.short(value, 12) end
  if type(value) == "table" then return "{" .. format(value) .. "}" end
  return value
end

--- calr.lab.report.columns.shared(count, get)
--- Returns a column whose values repeat: {values={...distinct}, index={...}}, with -1 in the index for nil.
--- @param get  function(i) -> string, number, boolean or nil
--- @return table
function columns.shared(count, get)
  local values, index, known = json.array {}, json.array {}, {}
  for i = 1, count do
    local value = get(i)
    if value == nil or value == json.null then
      index[i] = -1
    else
      local name = math.type(value) == "float" and value ~= value // 1 and value or tostring(value) .. type(value)
      if not known[name] then
        values[#values + 1] = value
        known[name] = #values - 1
      end
      index[i] = known[name]
    end
  end
  return { values = values, index = index }
end

--- calr.lab.report.columns.compact(count, get)
--- Returns a column in whichever form is shorter: {numbers={...}}, or as columns.shared.
--- @return table
function columns.compact(count, get)
  local numbers, known, distinct, numeric = json.array {}, {}, 0, true
  for i = 1, count do
    local value = get(i)
    if value == nil then value = json.null end
    numbers[i] = value
    numeric = numeric and (value == json.null or type(value) == "number")
    if numeric and value ~= json.null and not known[value] then
      known[value] = true
      distinct = distinct + 1
    end
  end
  if numeric and distinct > count / 3 then return { numbers = numbers } end
  return columns.shared(count, get)
end

--- calr.lab.report.columns.thin(count, most)
--- Selects `most` of `count` rows: see calr.lab.pictures.thin. Of several at least one stays.
--- @return table  positions from 1
function columns.thin(count, most)
  return thin(count, math.max(1, most))
end

return columns
