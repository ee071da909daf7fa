---@meta calr.study.pruner.wilcoxon
-- Made by `calr docs`; do not edit.

--- Pruning by repeated measurement (Optuna's WilcoxonPruner): what a candidate has reported so far is paired with what
--- the best one so far reported in the same places; the candidate ends when Wilcoxon's signed-rank test (one-sided,
--- zeros split) says with p below the threshold that it is worse. A candidate whose mean is no worse never ends.
---
--- Options: `by` ("seed"): the candidates are configurations (rows), the places seeds; a seed's value is the loss that
--- its trial ended with, and the running trial is compared at its present step. "step": the candidates are trials, the
--- places steps, for trials that report one measurement after the other, such as folds; a trial's score is the mean of
--- its reports. `p` (0.1): the threshold; `startup` (2): pairs before anything ends, at least 2.
---
--- The best is the finished trial with the smallest mean; by seed, the configuration with the smallest mean among those
--- with the most finished seeds, at least `startup`. Seeds are few: with p = .1, nothing ends before 4 pairs, all of
--- which are worse (1/16). Testing again after each report finds by chance more often than p says.
---@class calr.study.pruner.wilcoxon
local M = {}

return M
