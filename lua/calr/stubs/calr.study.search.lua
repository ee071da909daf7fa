---@meta calr.study.search
-- Made by `calr docs`; do not edit.

--- A search as a worker drives it: numbers are asked of the sampler, results are told to it, hopeless trials are given
--- up by the pruner, and the best configurations are confirmed with all seeds.
---@class calr.study.search
local M = {}

---@param study any
---@param store any
---@param index any position of the search among the study's parts
function M.new(study, store, index) end

---@class search
local search = {}

--- Takes in what other workers, or this one, have written.
---@param keys any of trials that changed
function search:changed(keys) end

---@param trial any a trial of the search, or of its confirmation, which only the pruner by seeds looks at
---@return function|nil # function(step, values) -> true when the trial is to be given up, reason; nil without a pruner
function search:judge(trial) end

--- The next trial to run.
---@param claim any function(trial) -> attempt or nil
---@return trial|nil # claimed
---@return integer|nil # its attempt
---@return boolean # when there is none: whether others are still at work
function search:next(claim) end

--- The trials that confirm the best configurations: each with every seed. For a search that is complete.
---@param index any position of the confirmation among the study's parts
---@return table # list of trials
function search:confirmation(index) end

return M
