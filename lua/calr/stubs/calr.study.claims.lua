---@meta calr.study.claims
-- Made by `calr docs`; do not edit.

--- Whose a trial is, and which of its attempts counts, by files that one worker only can make (see calr.study.store for
--- their names).
---
--- An attempt is followed by the next when it was interrupted, has failed and is to be retried, or when its worker is
--- dead. A worker that only stood still finds, when it goes on, that a later attempt exists, or that the marker names
--- another: it is fenced. Both together make that of all the ends of a trial one counts, whoever is killed or revived
--- when.
---@class calr.study.claims
local M = {}

---@param dir any
---@param key any
---@param name any number of an attempt
---@return string # the file of the claim
function M.path(dir, key, name) end

---@param dir any
---@param key any
---@return integer|nil # the attempt that the newest marker of a trial names; nil when there is none, or a power cut has emptied it
function M.marked(dir, key) end

--- Makes the marker of an attempt whose end is in its journal.
---@param store any
---@param key any
---@param number any
---@return boolean # true: this end counts; false: another attempt's does
function M.settle(store, key, number) end

--- Makes the next attempt of a trial the store's worker's, when it may follow the newest one.
---@param store any
---@param key any
---@param retry any see store:claim
---@return integer|nil # its number
function M.take(store, key, retry) end

return M
