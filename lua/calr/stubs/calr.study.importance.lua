---@meta calr.study.importance
-- Made by `calr docs`; do not edit.

--- Importance of the parameters of a search or a grid (PED-ANOVA), and the mean of a metric by the values of one.
---
--- PED-ANOVA (Watanabe, Bansal and Hutter, IJCAI 2023, arXiv 2304.10255) asks how much the distribution of a parameter
--- among the best configurations differs from its distribution among all of them: the Pearson divergence between two
--- kernel density estimates on a grid of at most 50 cells. Where a parameter exists only for some choices of another,
--- its divergence is taken among the configurations that have it, and weighted by how much more frequent those are
--- among the best (conditional PED-ANOVA, arXiv 2601.20800). As Optuna's PedAnovaImportanceEvaluator.
---
--- An observation is a configuration with the mean of its figure over the seeds that have finished.
---@class calr.study.importance
local M = {}

--- PED-ANOVA of any observations.
---@param parameters any list of parameters as in calr.study.space
---@param observations any list of {point = name -> value of the active parameters, loss = number}; smaller is better
---@param options any
--- - `target`: share of the observations that are "the best": gamma' of the paper
--- - `region`: share of the observations that they are compared with: gamma; 1: all
---@return table # name -> importance, at least 0; all 0 for fewer than two observations
---@return integer # how many were the best
function M.ped_anova(parameters, observations, options) end

--- The parameters of a search or a grid by their importance for reaching the best `target` of its configurations.
--- Parameters that a grid changes together (zip) have equal importance: their effects cannot be told apart. Fewer than
--- 5 configurations among the best make rough figures; `notes` says so.
---@param view any
---@param options any
--- - `part`: number of the part; default: the first search or grid
--- - `metric`: default: the first goal's
---@return table|nil # nil where there is no such part; otherwise part, metric, n (configurations), best (how many of them are the best), notes, and parameters: list of {name, share (of the sum of all; 0 when all are 0), importance, n (configurations that have it)}, the most important first
function M.rank(view, options) end

--- The mean of a metric by the values of one parameter, over whatever the others were: what a search or a grid has
--- seen, not what the parameter causes. A choice, and a number with at most `bins` different values, has a bin for each
--- value that occurs; other numbers have bins of equal width.
---@param view any
---@param options any
--- - `part`: number of the part; default: the first search or grid
--- - `metric`: default: the first goal's
---@return table # parameter, part, metric, direction, and bins: list of {label, value or low and high, n, mean, sd, best}; a bin without configurations has n = 0 only
function M.effect(view, options) end

return M
