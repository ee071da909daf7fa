---@meta calr.study.worker
-- Made by `calr docs`; do not edit.

--- The loop of a worker: claim a trial, run it, write down how it ended, until nothing is left to claim.
---@class calr.study.worker
local M = {}

---@param study any a study that is complete: with code and rows
---@param store any what calr.study.store.join returned
---@param fn any the function of the trials
---@param options any retry (failed trials too), fail_fast
---@return worker
function M.new(study, store, fn, options) end

---@class worker
local worker = {}

--- Runs one claimed trial to its end.
---@param record any of calr.study.plan.trial
---@param attempt any
---@param judge any function(step, values) -> prune, reason; or nil
---@param heard any function(step, values): called at each report; or nil
---@return string # its state, or "fenced" when another worker has taken it over meanwhile
function worker:run_trial(record, attempt, judge, heard) end

--- Runs until nothing is left to claim and nobody else is at work, or until it has to stop.
---@return string # "complete", "warned" (the machine is about to be taken away) or "stopped" (a trial failed somewhere, with --fail-fast)
function worker:run() end

return M
