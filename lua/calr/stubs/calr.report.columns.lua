---@meta calr.report.columns
-- Made by `calr docs`; do not edit.

--- Tables of many rows as columns for the page's JSON: numbers shortened, repeated values written once.
---@class calr.report.columns
local M = {}

--- A number with so many significant digits (default 6); a whole one as an integer. Not finite: JSON's null.
---@param x any
---@param digits any
---@return number
function M.short(x, digits) end

--- A number with so many digits after the point, for times; absent: JSON's null.
---@param x any
---@param digits any
---@return number
function M.fixed(x, digits) end

--- A configuration's value as the page takes it: numbers shortened to 12 digits, lists as text, nothing as JSON's null.
---@param value any
---@return any
function M.scalar(value) end

--- A column whose values repeat: {values={...distinct}, index={...}}, with -1 in the index for nil.
---@param count any
---@param get any function(i) -> string, number, boolean or nil
---@return table
function M.shared(count, get) end

--- A column in whichever form is shorter: {numbers={...}}, or as columns.shared.
---@param count any
---@param get any
---@return table
function M.compact(count, get) end

--- Which of `count` rows to keep when there is room for `most`: evenly spread, the first and the last among them.
---@param count any
---@param most any
---@return table # positions from 1
function M.thin(count, most) end

return M
