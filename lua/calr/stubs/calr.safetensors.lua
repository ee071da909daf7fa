---@meta calr.safetensors
-- Made by `calr docs`; do not edit.

--- Safetensors files: named tensors and a few strings, in a form that other programs read. Tensors
--- are written in a fixed order, so that the same tensors give the same bytes.
---@class calr.safetensors
local M = {}

--- Reads all tensors of a file. F16 and F64 become f32, I8, I16 and U16 i32, BOOL u8.
---@param path any
---@return table # name -> tensor
---@return table # metadata: string -> string
function M.load(path) end

--- Writes a file; it is whole or absent.
---@param path any
---@param tensors any name -> tensor
---@param metadata any string -> string; numbers are written as text
function M.save(path, tensors, metadata) end

return M
