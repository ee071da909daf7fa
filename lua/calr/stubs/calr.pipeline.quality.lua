---@meta calr.pipeline.quality
-- Made by `calr docs`; do not edit.

--- Quality of clusters against the true identities, where a data set has them.
---@class calr.pipeline.quality
local M = {}

--- The images of each camera.
---@param cameras any i32[n]
---@return table # list of i64[m], one for each camera from camera 0 on; empty ones for cameras without images
function M.camera_rows(cameras) end

return M
