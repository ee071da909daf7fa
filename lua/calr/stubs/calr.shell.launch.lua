---@meta calr.shell.launch
-- Made by `calr docs`; do not edit.

--- What `calr run` was told, for calr.config and calr.run: a table of
--- `script` (path), `overrides` (list of "key=value"), `out`, `resume` (folders), `quiet`, `help`, and `record` (the
--- run.json of the run that is resumed). Inside a study also `study` (what its command line said), `trial` (the trial
--- that runs), `values` (its options by name, instead of overrides) and `capture` (a function that calr.config hands
--- its defaults to).
---@class calr.shell.launch
local M = {}

--- Replaces all fields.
---@param fields any
function M.set(fields) end

--- Calls fn(...) with these fields, and puts the old ones back however it ends.
---@param fields any
---@param fn any
---@param ... any
---@return any # what pcall(fn, ...) returns
function M.with(fields, fn, ...) end

return M
