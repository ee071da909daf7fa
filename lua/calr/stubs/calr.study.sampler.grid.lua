---@meta calr.study.sampler.grid
-- Made by `calr docs`; do not edit.

--- All points of a space without continuous parameters: trial 1 has the first, in the order of space:points().
---
--- Options: `shuffle` (false): the points come in an order drawn by the seed, so that any number of first trials is a
--- fair sample.
---@class calr.study.sampler.grid
local M = {}

return M
