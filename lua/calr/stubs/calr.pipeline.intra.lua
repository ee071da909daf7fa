---@meta calr.pipeline.intra
-- Made by `calr docs`; do not edit.

--- Stage 1, intra-camera: reliable local labels. The function behind calr.pipeline.intra.
---@class calr.pipeline.intra
local M = {}

return M
