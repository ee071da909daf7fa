---@meta calr.cli.work
-- Made by `calr docs`; do not edit.

--- calr work DIR: joins a study as one more worker.
---@class calr.cli.work
local M = {}

--- Ends with 0 when nothing is left to do, with 75 when a SIGUSR1 said that the machine is about to be taken away.
---@param args any
---@return integer # exit status
function M.run(args) end

return M
