---@meta calr.study.table.cells
-- Made by `calr docs`; do not edit.

--- The sheet that a study's table is before it becomes text, and its numbers as text.
---
--- A sheet is `{kind=, title=, columns=, rows=, notes=}`, the same for every format:
---
---     columns  list of {head=, kind=, id=, csv=, of=}; kind says what its cells are
---              "text"        a string
---              "count"       a whole number
---              "value"       what a parameter was set to: number, string, boolean
---              "figure"      {mean=, sd=, n=, best=, as_good=}; `of` is the column of calr.study.table.columns
---              "difference"  {mean=, low=, high=, n=}, in the unit of `of`
---              "p"           a probability
---     rows     list of {cells = {...; nil where there is nothing}, n = number of columns,
---              commands = {{seed=, command=}...}, note=}
---     notes    list of strings
---     marks    {best=, as_good=, undecided=, any=}: what the marks mean, and whether anything is as good; nil when
---              there are none
---     start    the folder in which the commands work, when it is not the current one
---@class calr.study.table.cells
local M = {}

---@param value any
---@param digits any
---@param signed any
---@return string # with so many decimals; never "-0.0"; "inf" and "nan" as such
function M.number(value, digits, signed) end

--- A figure in the unit and with the digits of its column.
---@param column any one of calr.study.table.columns, after columns.scale
---@param value any
---@param signed any
---@return string
function M.figure(column, value, signed) end

---@param p any
---@return string # "0.031", "0.0004", "6.1e-05"
function M.probability(p) end

--- What a parameter was set to, for people: numbers with four digits.
---@param value any
---@return string
function M.value(value) end

--- A number so that it reads back as the same bits; anything else as calr.study.table.cells.value.
---@param value any
---@return string
function M.exact(value) end

--- The head of a sheet's column: two lines where a figure's choice of the epoch is told.
---@param column any
---@param percent any the sign; default "%"
---@return string # string  the metric with its unit; the rest or ""
function M.head(column, percent) end

---@param sheet any
---@param best any what the format's sign of the best figure is, before its meaning
---@param as_good any the same for figures statistically as good
---@return table # the notes of a sheet, the meaning of its marks first
function M.notes(sheet, best, as_good) end

---@param sheet any
---@return string # the line above the commands; it says where they work, unless it is here
function M.commands_head(sheet) end

return M
