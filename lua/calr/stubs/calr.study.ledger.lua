---@meta calr.study.ledger
-- Made by `calr docs`; do not edit.

--- What the records of all journals of a study add up to: trials, their attempts, their state.
---
--- Journals are read one after the other, so that records of different workers come in any order; what they add up to
--- does not depend on it. A trial's attempts are numbered; which one counts is settled by a marker (see
--- calr.study.store).
---@class calr.study.ledger
local M = {}

---@param done any function(key) that returns the number of the attempt that the newest marker of a trial names, or nil
---@return ledger # with `trials` (by key), `workers` (by name), `asks` (by part: number -> {number, config, worker})
function M.new(done) end

---@class ledger
local ledger = {}

--- The trial, made when unknown.
---@param key any
---@return table
function ledger:trial(key) end

--- An attempt of a trial, made when unknown.
---@param key any
---@param number any
---@param worker any
---@return table
function ledger:attempt(key, number, worker) end

--- The state of a trial is to be worked out again.
---@param key any
function ledger:touch(key) end

---@param part any
---@return table # number -> {number, config, worker}
function ledger:asks_of(part) end

--- Takes in a record of a worker's journal.
---@param record any
---@param worker any
---@return string|nil # what is wrong with it
function ledger:apply(record, worker) end

--- The attempt that ended the trial for good. With one attempt that has such an end, it is that one, marker or not: a
--- worker that was killed between the two has its marker made by the next that looks. With several, the marker says.
---@param trial any
---@return integer|nil
function ledger:final(trial) end

--- Works out the state of a trial from its attempts.
---@param key any
---@return table # the trial
function ledger:resolve(key) end

--- Works out the trials that records have come for since the last call.
---@return table # list of their keys
function ledger:settle() end

--- How many of the last attempts ended without a word and brought nothing new: no checkpoint, no report of a later
--- step.
---@param trial any
---@return integer
function ledger:deaths_in_row(trial) end

return M
