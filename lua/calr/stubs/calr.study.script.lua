---@meta calr.study.script
-- Made by `calr docs`; do not edit.

--- Trials that are runs of a script: `calr.study "name" { script = "calr.lua", ... }`.
---@class calr.study.script
local M = {}

--- The script of a study: beside the study's own script, from the current folder, or among calr's experiments.
---@param name any
---@return string # its absolute path
function M.find(name) end

--- The defaults that a script hands to calr.config; it runs until there.
---@param path any
---@return table
function M.options(path) end

--- Where runs inside a trial go: into the trial's folder; one of an earlier attempt is gone on with.
---@param store any
---@param trial any
---@param path any the script of the trials, or nil
---@return table # `script`, and `out`, or `resume` and `record`; see calr.shell.launch
function M.launch_fields(store, trial, path) end

--- A configuration as words of a command line, sorted.
---@param values any
---@param seed any
---@return table # list of "key=value"
function M.words(values, seed) end

--- The function of the trials of a study with a script.
---@param path any
---@return function
function M.runner(path) end

return M
