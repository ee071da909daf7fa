---@meta calr.pipeline.train
-- Made by `calr docs`; do not edit.

--- One epoch of contrastive training, the same in both stages: a function of one table.
---@class calr.pipeline.train
local M = {}

return M
