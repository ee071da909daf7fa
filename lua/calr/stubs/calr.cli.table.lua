---@meta calr.cli.table
-- Made by `calr docs`; do not edit.

--- calr table DIR: the tables of a study.
---@class calr.cli.table
local M = {}

--- The folder of a study that a word names: the folder itself, or that of studies/WORD. Nothing there is a usage error.
---@param word any
---@param usage any
---@return string
function M.folder(word, usage) end

---@param args any
---@return integer # exit status
function M.run(args) end

return M
