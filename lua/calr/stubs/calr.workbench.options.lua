---@meta calr.workbench.options
-- Made by `calr docs`; do not edit.

--- The options that a rule sees at the workbench: those of the run, changed by words key=value, and a note of which
--- ones it looked at.
---@class calr.workbench.options
local M = {}

---@param word any key=value; a value that looks like a number, true or false is one
---@return string # the name
---@return any # the value
function M.parse(word) end

---@param base any options of a run
---@param given any dotted name -> value; epoch, epochs and seed are no options and are returned beside them
---@return table # options (what the rule sees), epoch, epochs, seed (or nil), and used(): the sorted names that were read
function M.merge(base, given) end

return M
