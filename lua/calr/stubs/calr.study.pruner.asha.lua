---@meta calr.study.pruner.asha
-- Made by `calr docs`; do not edit.

--- Asynchronous successive halving (Li et al., "A System for Massively Parallel Hyperparameter Tuning", 2020), in the
--- form that ends trials rather than pausing them: at its first report in rung k, at step min * eta^(rate + k) or
--- later, a trial's loss joins the rung; it goes on when it is among the best 1/eta of what the rung has seen by then
--- (the best one while there are fewer than eta), otherwise it ends. Nobody waits for anybody.
---
--- Options: `min` (1): the step of the first rung; `eta` (4): one of how many goes on; `max` (none): no rung at or
--- beyond this step, where a trial is over anyway; `rate` (0): how many rungs the first one is put off; `startup` (0):
--- losses that a rung must have before any trial passes it.
---
--- As Optuna's SuccessiveHalvingPruner. A report that passes several rungs at once joins them one by one. Steps are
--- taken for resources as they are: count epochs from 1.
---@class calr.study.pruner.asha
local M = {}

return M
