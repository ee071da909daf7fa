---@meta calr.workbench.watch
-- Made by `calr docs`; do not edit.

--- Which Lua files a piece of work loads, and when they change.
---@class calr.workbench.watch
local M = {}

---@return files # an empty set of files
function M.files() end

---@class files
local files = {}

--- Adds a file, which need not exist.
---@param path any
function files:add(path) end

--- Calls fn(...), and adds the files of the modules that are required meanwhile, whether they load or not. Before, the
--- modules of the last call are forgotten, so that they are read anew.
---@param fn any
---@param ... any
---@return any # what pcall(fn, ...) returns
function files:call(fn, ...) end

---@return string|nil # the first file that is another than at the last call; nil when all are the same
function files:changed() end

return M
