---@meta calr.report.gallery
-- Made by `calr docs`; do not edit.

--- Images for the report of a run: some of its local clusters, and the pictures in its folder. Whatever is no longer
--- there, or has changed since, is left out.
---@class calr.report.gallery
local M = {}

---@param bytes any
---@return string # RFC 4648, with padding
function M.base64(bytes) end

---@param path any a run folder
---@param record any its run.json
---@return table # clusters, total (how many there are of three images or more), truth (whether identities are known), files, left_out (how many more there are)
function M.collect(path, record) end

return M
