---@meta calr.study.plan
-- Made by `calr docs`; do not edit.

--- What a study is going to do: its parts, their rows, and the trials with their keys.
---
--- A configuration is a flat table, dotted name -> value. A cell is a configuration with a seed; a trial is a cell
--- with the code and the data that it is computed from, and its key is a hash of all of them.
---@class calr.study.plan
local M = {}

--- Nested tables and dotted names to a flat configuration.
---@param where any for messages
---@param values any a table
---@return table # dotted name -> number, string, boolean or list
function M.flatten(where, values) end

--- A flat configuration as nested tables. A name below one that has a value itself stays as it is:
--- config["refine.alpha"].
---@param flat any
---@return table
function M.nested(flat) end

--- An error for a name that the study's configurations do not have, with the one that was meant.
---@param study any
---@param where any
---@param names any
---@param parameters any
--- - `new`: whether names that resemble none of those known are fine in a study that declares no options: those of a grid or a search declare themselves
function M.check_names(study, where, names, parameters) end

--- What trial.config is: the declared options with these values, or the configuration itself as nested tables.
---@param study any
---@param flat any
---@param seed any
---@return table
function M.resolve(study, flat, seed) end

--- A row: one configuration, to be run with every seed.
---@param study any
---@param label any
---@param changes any
---@return table # label, config, changes, code, data
function M.row(study, label, changes) end

---@param part any position of the part
---@param row any
---@param seed any
---@return table # key, cell, config, seed, code, data, part, label
function M.trial(part, row, seed) end

--- The trials of an ablation or a grid, seed by seed, so that what is there early can be compared in pairs.
---@param part_number any
---@param part any
---@param seeds any
---@return table # list of trials
function M.trials(part_number, part, seeds) end

---@param changes any
---@return string # "infomap.k=10 lr=0.001"
function M.label(changes) end

---@param study any
---@param rows any
---@return table # a part: kind "ablate" and rows as tables of changes with labels
function M.ablation(study, rows) end

---@param study any
---@param values any
---@return table # a part: kind "grid"; every combination of the values that `where` allows is an entry
function M.grid(study, values) end

---@param study any
---@param part any
---@return any # of a search, as its options describe it
function M.sampler(study, part) end

---@param study any
---@param values any
---@return table # a part: kind "search" with its space, sampler, pruner and counts
function M.search(study, values) end

--- The plan as it is written to plan.json.
---@param study any
---@return table
function M.record(study) end

--- Why two plans cannot share a folder: other goals, or another space for the same search.
---@param now any
---@param before any
---@return string|nil
function M.conflict(now, before) end

--- Ends the program: two studies of one name with different spaces.
---@param folder any
---@param conflict any
function M.refuse(folder, conflict) end

return M
