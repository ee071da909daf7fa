---@meta calr.data.import
-- Made by `calr docs`; do not edit.

--- From a folder of images to a data set in one file.
---@class calr.data.import
local M = {}

--- The data sets that can be imported by name: the files of datasets/ that return `records`.
---@return table # sorted list of {name=, summary=}
function M.layouts() end

--- How a data set's folders and names become records.
---@param name any of a file in datasets/, or the path of a Lua file of your own (see calr.data.layout)
---@return table
function M.layout(name) end

--- Imports a folder: every image is read and decoded once, and its bytes are stored as they are. The file appears
--- under its name when it is complete.
---@param options any
--- - `layout`: a name or a path, as for calr.data.import.layout, or such a table itself
--- - `folder`: where the images are
--- - `to`: the file to write
--- - `skip_bad`: whether files that cannot be read or decoded are left out; otherwise the first ends the import
---@return table # images=, bytes=, seconds=, skipped= (list of {path=, reason=})
function M.run(options) end

return M
