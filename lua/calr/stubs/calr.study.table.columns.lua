---@meta calr.study.table.columns
-- Made by `calr docs`; do not edit.

--- What the columns of a study's tables mean: which figure of a trial, its unit, its better side, how many digits.
---
--- A column is named by a metric, "mAP", which is the figure at the trial's end, or by a metric and how its epoch was
--- chosen: "mAP@select" (the epoch that the study's label-free criterion picks) and "mAP@best" (the best epoch on the
--- test set itself, which no one may do who has no labels). The heads say so: figures chosen in different ways are
--- different columns.
---
--- **Percent.** A metric is shown in percent, as the field prints it, when its name is a ranking score's (mAP, mINP,
--- rank1, rank-5, cmc10, top1, accuracy, acc; of "test.mAP" the last part counts) and all values of the column lie in
--- [0, 1]. Everything else is shown as it was reported. Files (CSV, JSON) hold the reported values always.
---
--- **Digits.** One decimal of a percentage, two where the seeds differ by less than 0.1 points. Otherwise as many as
--- show two digits of the typical standard deviation, or four digits of the value where there is none. Very large and
--- very small values have exponents.
---
--- **Better.** A goal says its direction. Without one, ranking scores, silhouette, nmi, precision, recall and f are
--- better when larger; loss, error, hours, seconds, expansion and codelength when smaller; of anything else nothing is
--- marked as best.
---@class calr.study.table.columns
local M = {}

---@param view any
---@param metric any
---@return string|nil # "max", "min", or nil when nobody knows
function M.direction(view, metric) end

---@param metric any
---@return boolean # whether a metric is a ranking score by its name, shown in percent when its values lie in [0, 1]
function M.is_score(metric) end

---@param name any
---@return string # what stands above a column: "mAP@best" -> "mAP (best on test)"
function M.head(name) end

--- The columns of a list of names; an unknown name is an error that says what there is.
---@param view any
---@param names any list, or nil: the goals' metrics, and rank1 beside mAP when the trials have it
---@return table # list of {name=, metric=, variant="last"|"select"|"best", head=, direction=}
function M.parse(view, names) end

---@param view any
---@param trial any
---@param column any
---@return number|nil # the figure of a finished trial
function M.value(view, trial, column) end

--- Decides unit and digits of a column from what stands in it: sets column.percent, column.scientific (booleans) and
--- column.digits.
---@param column any
---@param means any list of the numbers shown
---@param deviations any list of standard deviations
function M.scale(column, means, deviations) end

return M
