--- @module calr.lab.study.pruner.options
--- Checks a pruner's options; documented as calr.lab.study.pruner.check.

local check_options = require "calr.options".check
local sorted_keys = require "calr.tables".sorted_keys

local options = {}

local function check_choice(what, name, value, choices)
  for _, choice in ipairs(choices) do
    if value == choice then return value end
  end
  error(("the pruner %s: %s is one of %s, not %s"):format(what, name, table.concat(choices, ", "), tostring(value)), 5)
end

local function check_number(what, name, value, field)
  local number = field.whole and math.tointeger(value) or not field.whole and type(value) == "number" and value
  if number and number >= (field.least or -math.huge) and number < (field.below or math.huge) then return number end
  error(("the pruner %s: %s must be a %snumber%s%s, not %s"):format(what, name, field.whole and "whole " or "",
    field.least and (" of at least %g"):format(field.least) or "",
    field.below and (" below %g"):format(field.below) or "", tostring(value)), 5)
end

function options.check(what, given, fields)
  local names, result = sorted_keys(fields), {}
  given = check_options("the pruner " .. what, given, names, 2)
  for _, name in ipairs(names) do
    local field, value = fields[name], given[name]
    if value == nil then value = field.default end
    if value ~= nil and field.choices then
      result[name] = check_choice(what, name, value, field.choices)
    elseif value ~= nil then
      result[name] = check_number(what, name, value, field)
    end
  end
  return result
end

return options
