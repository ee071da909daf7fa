---@meta calr.cli.docs
-- Made by `calr docs`; do not edit.

--- calr docs: makes docs/api and lua/calr/stubs from the comments of the sources.
---@class calr.cli.docs
local M = {}

---@param args any
---@return integer # exit status; with --check 1 when something is not current
function M.run(args) end

return M
