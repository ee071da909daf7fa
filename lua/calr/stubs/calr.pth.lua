---@meta calr.pth
-- Made by `calr docs`; do not edit.

--- Files that PyTorch's torch.save wrote (.pth, .pt), in both of its forms. Nothing of a file is
--- executed: classes that are not known stay out.
---@class calr.pth
local M = {}

--- Reads what was saved. Dictionaries and lists become tables, tensors and parameters tensors (half
--- and double as f32, 8 and 16 bits with a sign as i32, bool as u8), text, numbers and booleans what
--- they are; None and objects of other classes become false.
---@param path any
---@return table # most often name -> tensor, or a table with such a one in it
function M.load(path) end

return M
