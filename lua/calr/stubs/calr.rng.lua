---@meta calr.rng
-- Made by `calr docs`; do not edit.

--- Random numbers. A stream is named by (seed, purpose, epoch, index): opened again, it gives the
--- same numbers, whatever the number of threads and whether or not the run was interrupted.
--- Philox4x32-10.
---@class calr.rng
local M = {}

--- Opens a stream. Give each use its own purpose, so that one does not disturb another.
---@param options any
---@return rng
function M.open(options) end

---@class rng
local rng = {}

---@param low any
---@param high any
---@return number # in [0, 1), or in [low, high)
function rng:uniform(low, high) end

---@param mean any
---@param deviation any
---@return number
function rng:normal(mean, deviation) end

---@param low any
---@param high any
---@return integer # in low .. high, both possible
function rng:integer(low, high) end

--- Shuffles a table in place.
---@param list any
---@return table # the same
function rng:shuffle(list) end

--- Fills an f32 tensor in place with normal numbers.
---@param tensor any
---@param mean any
---@param deviation any
---@return tensor # the same
function rng:fill_normal(tensor, mean, deviation) end

--- Fills an f32 tensor in place with uniform numbers from low to high.
---@param tensor any
---@param low any
---@param high any
---@return tensor # the same
function rng:fill_uniform(tensor, low, high) end

return M
