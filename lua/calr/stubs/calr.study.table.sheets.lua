---@meta calr.study.table.sheets
-- Made by `calr docs`; do not edit.

--- The sheets of a study: rows of an ablation or a grid, values of a parameter, a matrix of two parameters, the Pareto
--- front of two goals. Searches are in calr.study.table.search.
---@class calr.study.table.sheets
local M = {}

---@param view any
---@param part any
---@param what any
---@return string # "refinement, part 2: what"; the number only where there are several
function M.title(view, part, what) end

--- Puts a row for each group into a sheet, cells still empty, and what is missing into its notes.
---@param sheet any
---@param list any
function M.rows(sheet, list) end

--- Adds a column to a sheet.
---@param sheet any
---@param column any
---@param cells any position of the row -> cell
function M.column(sheet, column, cells) end

--- Says what the marks mean, once for all columns.
---@param sheet any
---@param info any of calr.study.table.figures.cells
function M.mark_note(sheet, info) end

--- Adds the paired differences from the row options.versus, for the columns named in options.compare.
---@param sheet any
---@param rows any
---@param list any
---@param options any
function M.differences(sheet, rows, list, options) end

--- Says how the epochs of the columns were chosen.
---@param sheet any
---@param view any
---@param list any
function M.epoch_notes(sheet, view, list) end

--- Adds what calr.study.compare.notes says about the trials behind groups.
---@param sheet any
---@param view any
---@param list any
---@param options any
function M.mixture_notes(sheet, view, list, options) end

--- Rows of a part, or values of parameters, with figures and differences.
---@param index any
---@param part any
---@param list any columns, from calr.study.table.columns.parse
---@param options any parameters (list of names, or nil for rows), versus (label or nil), compare (set of column names), stale
---@return table # a sheet
function M.of_rows(index, part, list, options) end

--- A grid of two parameters as a matrix: rows are values of the first, columns of the second.
---@param index any
---@param part any
---@param names any
---@param column any
---@param options any
---@return table # a sheet
function M.matrix(index, part, names, column, options) end

return M
