---@meta calr.study.pruner.hyperband
-- Made by `calr docs`; do not edit.

--- Hyperband (Li et al., JMLR 18, 2018), asynchronous: floor(log_eta(max / min)) + 1 brackets, of which bracket s is an
--- ASHA whose first rung lies at min * eta^s. A trial's bracket follows from a hash of its number; bracket s gets a
--- share in proportion to the trials that Hyperband gives it, ceil(brackets / (r + 1) * eta^r) with r = brackets - 1 -
--- s: many that are judged early, a few that are left alone for long.
---
--- Options: `min` (1), `max` (needed): first and last step of a trial; `eta` (3); `startup` (0): as for ASHA.
---
--- As Optuna's HyperbandPruner but for the hash (Optuna's includes the study's name), and no trial ends at `max` or
--- beyond, where it is over anyway.
---@class calr.study.pruner.hyperband
local M = {}

return M
