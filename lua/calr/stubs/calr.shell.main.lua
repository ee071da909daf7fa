---@meta calr.shell.main
-- Made by `calr docs`; do not edit.

--- What the program `calr` does with its arguments.
---@class calr.shell.main
local M = {}

--- The subcommands: the files of lua/calr/cli, with - where the file has _.
---@return table # sorted names
function M.commands() end

---@return string # "calr 0.1.0 (revision), Lua 5.4.4"
function M.version() end

---@param args any the command line; args[0] is the program
---@return integer # exit status
function M.main(args) end

return M
