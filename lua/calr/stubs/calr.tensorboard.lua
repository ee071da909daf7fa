---@meta calr.tensorboard
-- Made by `calr docs`; do not edit.

--- Event files that TensorBoard shows: `tensorboard --logdir FOLDER`.
---
---     local writer <close> = calr.tensorboard.open "tensorboard"
---     for step = 1, 100 do writer:scalar("loss", 1 / step, step) end
---
--- Every run writes them, into its folder `tensorboard`: see calr.run. A file is a sequence of records (TFRecord: the
--- length, its checksum, the bytes, their checksum) of `Event` messages in the encoding of protocol buffers. Each is
--- written at once and in one piece, so TensorBoard may look on.
---@class calr.tensorboard
local M = {}

---@class writer
local writer = {}

--- Adds a point to a curve.
---@param tag any the curve's name; what stands before a "/" groups curves
---@param value any a number; kept in 32 bits
---@param step any whole number
---@param wall_time any seconds since 1970; default: now
function writer:scalar(tag, value, step, wall_time) end

--- Adds a point to each of several curves, in one record.
---@param values any list of {tag, value}
---@param step any whole number
---@param wall_time any seconds since 1970; default: now
function writer:scalars(values, step, wall_time) end

--- Says that the program started again: of the earlier files of the folder, TensorBoard forgets the points of this step
--- and those after it.
---@param step any whole number
---@param wall_time any seconds since 1970; default: now
function writer:start(step, wall_time) end

--- Returns when the disk has everything written so far.
function writer:flush() end

--- Closes the file; a second time does nothing. A <close> variable does the same.
function writer:close() end

--- Makes a new event file in a folder, which is made when absent.
---@param folder any
---@param options any
--- - `wall_time`: seconds since 1970, for the file's name and first record; default: now
---@return writer # with `path`, the file
function M.open(folder, options) end

return M
