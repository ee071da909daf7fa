---@meta calr.study.pruner.median
-- Made by `calr docs`; do not edit.

--- The median rule (Golovin et al., "Google Vizier", 2017; Optuna's MedianPruner, with its defaults): a trial ends when
--- its best loss so far is worse than the median of what the finished trials had reported at the same step.
---
--- Options: `startup` (5): finished trials before anything ends; `warmup` (0): steps before anything ends; `interval`
--- (1): a trial is judged at its first report in each stretch of so many steps after the warm-up; `least` (1): values
--- at a step without which it judges nothing.
---@class calr.study.pruner.median
local M = {}

return M
