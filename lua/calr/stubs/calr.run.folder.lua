---@meta calr.run.folder
-- Made by `calr docs`; do not edit.

--- Run folders on the disk: making and reopening them, their lock, their checkpoints.
---@class calr.run.folder
local M = {}

--- The record of a run folder; `status` is "dead" when it says "running" but no process holds the folder.
---@param path any
---@return table
function M.read(path) end

--- A new run folder, locked.
---@param path any nil: runs/NAME-DATE-TIME-N
---@param name any
---@return string # the folder
---@return lock
function M.make(path, name) end

--- The folder of an unfinished run, locked.
---@param path any
---@return string # the folder
---@return lock
---@return table # its record
function M.reopen(path) end

---@param path any
---@param name any
---@return table|nil # sequence, name and path of the newest checkpoint file, unread
function M.newest_file(path, name) end

--- Writes a checkpoint and removes all but the newest two of its name.
---@param path any
---@param checkpoint any sequence, name, metrics (bytes of metrics.jsonl that belong to it), tensors, state
function M.save(path, checkpoint) end

--- Reads the newest checkpoint that can be read. Broken ones are set aside as NAME.broken.
---@param path any
---@param name any
---@return table|nil # sequence, name, metrics, tensors, state
---@return table # list of sentences about broken ones
function M.newest(path, name) end

return M
