---@meta calr.pipeline.reuse
-- Made by `calr docs`; do not edit.

--- Stage 1 kept for other runs: its result depends on part of the configuration only, so that runs which differ in the
--- rest share it (option intra.cache).
---
--- A file's name is a hash of everything that the result depends on: all options but those of stage 2, the seed among
--- them; the data; the initial weights; the script and its modules; this program with its Lua files; the processor, the
--- kernels and the number of threads. What is taken from the file is, to the last bit, what would have been computed.
---@class calr.pipeline.reuse
local M = {}

--- The file in which the result of stage 1 is, or will be. Makes the folder.
---@param cfg any
---@param data any
---@param state any the network's initial weights, as net:state() gives them
---@return string|nil # nil when intra.cache names no folder
function M.file(cfg, data, state) end

---@param file any
---@return tensor|nil # i32[n], the local clusters; nil when there is no such file
---@return integer # how many there are
---@return table # the metrics of the run that found them
function M.load(file) end

--- Keeps a result; whole or not at all, and when two runs do so at the same time, they write the same.
---@param file any
---@param locals any
---@param used any
---@param metrics any
function M.save(file, locals, used, metrics) end

return M
