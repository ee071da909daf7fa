---@meta calr.shell.launch
-- Made by `calr docs`; do not edit.

--- What `calr run` was told, for calr.config and calr.run: a table of
--- `script` (path), `overrides` (list of "key=value"), `out`, `resume` (folders), `quiet`, `help`, and `record` (the
--- run.json of the run that is resumed).
---@class calr.shell.launch
local M = {}

--- Replaces all fields.
---@param fields any
function M.set(fields) end

return M
