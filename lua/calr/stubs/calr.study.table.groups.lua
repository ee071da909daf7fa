---@meta calr.study.table.groups
-- Made by `calr docs`; do not edit.

--- The rows of a table before their figures: which trials stand for a configuration, or for a value of a parameter,
--- seed by seed, and what is missing.
---
--- A group is `{label=, ids={...}, trials={seed -> trial}, values={column name -> {seed -> number}}, missing={...},
--- old={...}, commands={...}}`. Only finished trials of the plan count. With `stale`, the result of older code or data
--- stands in where the plan's trial has none; the group says so.
---@class calr.study.table.groups
local M = {}

---@param config any
---@return string # the same for equal configurations
function M.identify(config) end

--- The trials by part, row and seed, and stale results by cell; made once for all tables of a view.
---@param view any
---@return table
function M.index(view) end

---@param index any
---@param part any
---@param row any
---@param seeds any
---@return table # seed -> trial of a row, wherever its trials stand
function M.trials(index, part, row, seeds) end

--- The group of one configuration.
---@param index any
---@param part any
---@param row any
---@param seeds any
---@param list any columns, from calr.study.table.columns.parse
---@param options any stale: whether results of older code or data may stand in
---@return table
function M.of_row(index, part, row, seeds, list, options) end

---@param index any
---@param part any
---@param list any
---@param options any
---@return table # the groups of a part's rows, in their order
function M.by_label(index, part, list, options) end

---@param rows any
---@return table # sorted names of what differs between rows
function M.varying(rows) end

--- Groups by the values of one or more parameters. What else varies is averaged, seed by seed, over the settings
--- that all groups have.
---@param index any
---@param part any
---@param names any list of parameters
---@param list any
---@param options any
---@return table # list of groups with `ids`, the values
---@return integer # how many figures were left out, because other groups lack their partners
function M.by_parameters(index, part, names, list, options) end

return M
