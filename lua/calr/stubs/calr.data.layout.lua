---@meta calr.data.layout
-- Made by `calr docs`; do not edit.

--- Tools for the files in datasets/, which say how the folders and names of a data set become records.
---
--- Such a file returns a table: `name`, `summary` (one line), and `records`, a function of the folder that returns a
--- list of {file=, path=, identity=, camera=, split=}: where an image lies; its path relative to the folder; its
--- identity (-1: none, or junk in the gallery; 0 and up); its camera, from 0; "train", "query" or "gallery". It raises
--- an error, by layout.fail, when the folder is not what it should be.
---@class calr.data.layout
local M = {}

--- Raises an error about the data, without a position in the source: it is not the script's fault.
---@param format any
---@param ... any
function M.fail(format, ...) end

--- The names in a folder, sorted by their bytes, without what file managers leave there (names that begin with a dot,
--- Thumbs.db, desktop.ini).
---@param folder any
---@return table
function M.list(folder) end

--- A `records` function for data sets with one folder a split and everything else in the names of the files.
--- Images are numbered folder by folder, in each by the bytes of their names.
---@param options any
--- - `name`: the data set's, for messages
--- - `folders`: list of {folder, split}
--- - `example`: a name, for messages
--- - `parse`: function of a file's name: identity and camera (from 0), or nil and why not
---@return function # of the data set's folder
function M.folders(options) end

return M
