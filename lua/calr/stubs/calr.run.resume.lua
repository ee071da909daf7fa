---@meta calr.run.resume
-- Made by `calr docs`; do not edit.

--- calr run --resume DIR: the script and its settings come from the record.
---@class calr.run.resume
local M = {}

--- Completes what the command line said by what the run folder knows, and refuses what contradicts it.
---@param fields any see calr.shell.launch; `resume` names the folder
function M.prepare(fields) end

return M
