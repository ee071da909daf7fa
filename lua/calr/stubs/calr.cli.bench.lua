---@meta calr.cli.bench
-- Made by `calr docs`; do not edit.

--- calr bench NAME: how fast this machine does it, beside what it could do at most and beside other programs.
---@class calr.cli.bench
local M = {}

---@param args any
---@return integer # exit status: 1 when a peer failed
function M.run(args) end

return M
