---@meta calr.clusterers.input
-- Made by `calr docs`; do not edit.

--- Reads and checks what `calr cluster` is given: features, identities and cameras as .npy files. What cannot be
--- clustered is a usage error that says what to do.
---@class calr.clusterers.input
local M = {}

---@param path any of a .npy file: [n x d], floating-point numbers (f16, f32, f64) or integers
---@return tensor # f32[n x d], n and d at least 1, finite
function M.features(path) end

---@param path any
---@param count any
---@return tensor # i64[count]; below 0: unknown
function M.identities(path, count) end

---@param path any
---@param count any
---@return tensor # i32[count]: cameras from 0, by first appearance
---@return table # their numbers in the file, in that order
function M.cameras(path, count) end

return M
