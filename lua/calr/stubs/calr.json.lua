---@meta calr.json
-- Made by `calr docs`; do not edit.

--- JSON (RFC 8259). Objects and arrays become tables, `null` becomes `calr.json.null`, whole
--- numbers stay whole.
---
--- A table that is written becomes an array when its keys are 1 .. n, an object when they are
--- strings; the empty table becomes an object unless calr.json.array has marked it. Keys are
--- written sorted, numbers so that they read back as the same bits.
---@class calr.json
local M = {}

--- Reads JSON text. What is wrong with it is an error with line and column; a key given twice is
--- wrong.
---@param text any
---@param name any stands in the message for where the text came from, such as the path of its file
---@return any
function M.decode(text, name) end

--- Writes a value as JSON text. NaN, infinity, functions, strings that are not UTF-8 and tables
--- that contain themselves are errors that name the place.
---@param value any
---@param options any
--- - `indent`: spaces a level, each item on a line of its own; 0: all on one line
---@return string
function M.encode(value, options) end

--- Marks a table as an array, so that it is written as [] when it is empty.
---@param table any
---@return table # the same
function M.array(table) end

return M
