---@meta calr.study.sampler.eigen
-- Made by `calr docs`; do not edit.

--- Eigenvalues of small symmetric matrices.
---@class calr.study.sampler.eigen
local M = {}

return M
