---@meta calr.study.compare
-- Made by `calr docs`; do not edit.

--- Comparisons between the configurations of a study, on a view (calr.study.view): figures by seed, differences paired
--- by seed with interval and p-value, the best configuration and those statistically as good, Pareto fronts.
---
--- What counts are trials of the plan that have finished and are not stale. Trials belong to a row by their
--- configuration: where a search, its confirmation and an ablation have a configuration in common, they share its
--- trials. A figure that is missing is nil. What else the reader should know, such as results left out or made by
--- different versions, is in `notes`, a list of sentences.
---@class calr.study.compare
local M = {}

--- Whether more of a metric is better: as the goal that names it says; otherwise "min" for hours, seconds and whatever
--- ends in loss, and "max".
---@param view any
---@param metric any "mAP", or a variant such as "mAP@select"
---@return string # "max" or "min"
function M.direction(view, metric) end

--- Sentences about the trials behind rows: results left out because their code or data changed, and mixtures of data,
--- versions of calr, processors or numbers of threads among those that count. compare.rows, best and pareto return them
--- already.
---@param view any
---@param rows any list of tables with `config` and `trials` (a table of trials), such as rows of compare.rows; default: all trials
---@return table # list of sentences
function M.notes(view, rows) end

--- The rows of a part with their figures over seeds, and, with `versus`, their differences to one row: paired by seed,
--- with a BCa bootstrap interval, the exact sign-flip p-value and the p-value corrected by Holm over the comparisons of
--- the table.
---@param view any
---@param options any
--- - `metric`: default: the first goal's; "mAP@select" and "mAP@best" as in calr.study.view.value
--- - `versus`: label or number of the row to compare with; nil: no comparisons
--- - `level`: of the intervals
---@return table # metric, direction, level, versus (number of the row or nil), comparisons (how many), smallest_p (what the number of seeds allows at best), notes, and rows: a list of {row, label, config, changes, n, mean, sd, seeds (list), values (seed -> figure), trials (seed -> trial), missing (planned seeds without a figure), unpaired (seeds that only this row or only the other has), difference (what calr.statistics.paired returns, and p_corrected; nil without a pair)}
function M.rows(view, options) end

--- The best configuration of a part, and those that are statistically as good: the ones whose difference to the best,
--- paired by seed, has a Holm-corrected p-value above 1 - level. The best is the one with the best mean among those
--- with the most seeds, so that one lucky seed does not win. What has so few seeds in common with it that no p-value
--- could be that small (fewer than 6 at level .95) is undecided. `decided` is false where, with so many comparisons, no
--- corrected p-value could be either: what is as good is then only what could not be told apart.
---
--- The best is chosen by the figures that it is then compared with: its mean and its differences are somewhat too
--- good.
---@param view any
---@param options any
--- - `metric`: default: the first goal's
---@return table|nil # nil without finished trials; otherwise metric, direction, level, best (a row as in compare.rows), as_good (list of rows, best first, `difference` and `p_corrected` towards the best), worse (list of rows), undecided (list of rows), decided, smallest_p (what the seeds of the best allow), notes
function M.best(view, options) end

--- The Pareto front of points with two losses each: those that no other point equals or betters in both and betters in
--- one. Points that are equal are all on the front.
---@param points any list of {first loss, second loss}; smaller is better
---@return table # list of positions in `points`, by ascending first loss
function M.front(points) end

--- The configurations of a part on the Pareto front of two metrics, by their means over seeds.
---@param view any
---@param options any
--- - `metrics`: {first, second}; default: the study's two goals
---@return table # metrics, directions, front (list of {row, label, config, changes, n, means = {first, second}}, best first metric first), rows (all that have both figures, the same fields and `on_front`), notes
function M.pareto(view, options) end

return M
