---@meta calr.progress
-- Made by `calr docs`; do not edit.

--- How far long work is: one live line on a terminal, otherwise a line every ten seconds, nothing with --quiet.
---
---     local bar = progress.new("features", count)
---     for i = 1, count do work(i); bar:update(i) end
---     bar:finish()
---
--- A bar is also a good <close> variable. Everything goes to stderr.
---@class calr.progress
local M = {}

--- Writes a line to stderr above the live line; nothing with --quiet.
---@param line any
function M.print(line) end

--- Starts a bar.
---@param label any
---@param total any how many steps there will be, when that is known
---@return bar
function M.new(label, total) end

---@class bar
local bar = {}

--- Says how many steps are done so far; cheap enough for every step. Stops the script when the user asked for it.
---@param done any
---@param text any stands behind the numbers, such as the loss
function bar:update(done, text) end

--- Takes the live line away. A second time does nothing.
function bar:finish() end

return M
