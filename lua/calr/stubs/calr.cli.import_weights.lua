---@meta calr.cli.import_weights
-- Made by `calr docs`; do not edit.

--- calr import-weights FILE.pth -o FILE.safetensors: weights from PyTorch.
---@class calr.cli.import_weights
local M = {}

---@param args any
---@return integer # exit status
function M.run(args) end

return M
