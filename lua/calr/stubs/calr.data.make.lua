---@meta calr.data.make
-- Made by `calr docs`; do not edit.

--- Generated data sets: those files of datasets/ that return `generate`, a function that paints images instead of
--- reading them, and `options`, its options with their defaults (and `meanings`, what --help says of each).
---@class calr.data.make
local M = {}

--- The data sets that can be made.
---@return table # sorted list of names
function M.generators() end

---@param name any
---@return table # what the file of datasets/ returns: `name`, `options`, `count(options)`, `generate(options, emit)`
function M.generator(name) end

--- Makes a data set: as a file, or as a folder of JPEG files of the layout that can be imported.
---@param options any the generator's
--- - `generator`: as of calr.data.make.generator, or its name
--- - `to`: the file to write
--- - `folder`: a new folder to write to instead
---@return table # images=, bytes=, seconds=
function M.run(options) end

return M
