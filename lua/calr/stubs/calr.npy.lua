---@meta calr.npy
-- Made by `calr docs`; do not edit.

--- NumPy's .npy files, one array each. numpy.load reads what save writes.
---@class calr.npy
local M = {}

--- Reads an array. float16 and float64 become f32, int8, int16 and uint16 become i32, bool becomes
--- u8; other types that are not ours are an error.
---@param path any
---@return tensor
function M.load(path) end

--- Writes an array; the file is whole or absent.
---@param path any
---@param tensor any
function M.save(path, tensor) end

return M
