---@meta calr.pipeline.config
-- Made by `calr docs`; do not edit.

--- What experiments can be told, its defaults, and what is made of it: the network, the optimiser, the run.
---@class calr.pipeline.config
local M = {}

--- The seed of the batches and the augmentation in a part of the run, so that no two parts draw the same numbers.
---@param cfg any
---@param part any 0: stage 2; c + 1: camera c of stage 1
---@return integer
function M.stage_seed(cfg, part) end

--- The optimiser that a configuration names.
---@param cfg any
---@param parameters any
---@param lr any
---@return optimizer # see calr.optim
function M.optimizer(cfg, parameters, lr) end

--- Calls load(), which puts a checkpoint's tensors into their places; an error says whose checkpoint does not fit.
---@param run any
---@param load any
function M.take_up(run, load) end

return M
