---@meta calr.study.table
-- Made by `calr docs`; do not edit.

--- Tables of a study's results: mean and standard deviation over seeds, paired differences with intervals and p-values,
--- the best marked and what is statistically as good, and the command behind each figure.
---
---     S:table { rows = "label", columns = { "mAP", "rank1", "mAP@best" }, versus = "Baseline" }
---     print(require("calr.study.table").render(view, { format = "markdown" }))
---
--- An ablation or a grid is a row for each configuration, or for each value of a parameter (then, seed by seed, the
--- mean over everything else that varies), or a matrix of two parameters. A search is its best configurations, with the
--- figures of the seeds that confirmed them. With two goals a search is its Pareto front.
---
--- Units, digits and what counts as better: calr.study.table.columns. What is compared with what: pairs are made of the
--- seeds that both rows have.
---@class calr.study.table
local M = {}

--- The tables as sheets (calr.study.table.cells), before they become text. An option that does not fit the study is an
--- error.
---@param view any calr.study.view.read's
---@param options any rows, columns, versus, compare, part, matrix, top, stale: see calr.study.table.render
---@return table # list of sheets
function M.build(view, options) end

--- The tables of a study as text.
---@param view any calr.study.view.read's
---@param options any
--- - `rows`: "label" (default): a row for each configuration; the name of a parameter: for each of its values
--- - `columns`: list of metrics, "mAP", "mAP@select" (the epoch chosen without labels), "mAP@best" (chosen on the test set); default: the goals, and rank1 beside mAP
--- - `versus`: label of the row that the others are compared with; default: the first of an ablation; false: none
--- - `compare`: columns whose differences are shown; default: the first
--- - `part`: number of one part; default: all
--- - `matrix`: true, or {first, second}: a grid of two parameters with values of the second as columns
--- - `top`: how many configurations of a search are shown; default 10; confirmed ones always
--- - `stale`: true: results of older code or data stand in where there are no others, and the notes say so
--- - `format`: "terminal" (default), "markdown", "latex", "csv" (one part), "json"
--- - `commands`: in the terminal: list the command that reproduces each figure
--- - `width`: columns of the terminal; default: those it has
---@return string # without a newline at its end
function M.render(view, options) end

return M
