---@meta calr.study.view
-- Made by `calr docs`; do not edit.

--- A study as plain tables: what is planned, what has been computed, by whom.
---
---     view.name, .folder, .format, .created, .script, .command (typed in the folder .start), .goals, .seeds, .select,
---                    .base
---     view.parts     kind ("ablate", "grid", "search", "confirm"), rows = { {label, config, changes} }, and of a
---                    search sampler, trials, confirm, prune, parameters
---     view.code      hash, parts (name -> hash);  view.data: a fingerprint
---     view.trials    all planned ones in the order of the plan, then recorded ones that are not in it
---     view.by_key    key -> trial
---     view.workers   id, host, pid, threads, alive, left, started, last, and their attempts (key, attempt, start,
---                    stop, state)
---     view.counts    waiting, running, finished, failed, pruned, interrupted, dead, stale
---     view.notes     sentences about lines of journals that could not be read
---
--- A trial has key, cell, number, part, row, label, config, changes, seed, in_plan, stale ("code", "data", "code and
--- data"), stale_why, state, attempt, deaths, metrics, reports = { {step, t, values} }, started, ended, seconds, hours,
--- worker, host, threads, error, notes, folder, command. `metrics` is what it ended with, and of what it did not end
--- with the last report; `hours` is the sum over its attempts.
---@class calr.study.view
local M = {}

--- Reads a study; nothing in its folder is written or locked. A folder that is no study, or of a newer version, is a
--- usage error.
---@param dir any
---@return any
function M.read(dir) end

--- Reads a study again and again, each time only what its journals have gained.
---@param dir any
---@return follower
function M.follow(dir) end

---@class follower
local follower = {}

--- The trials of the views that it returned before change too: a view is for the time until the next call.
---@return any
---@return boolean # whether anything has changed since the last call; if not, the view is the last one
function follower:refresh() end

--- A figure of a trial of a view.
---@param trial any
---@param column any "mAP": what it ended with; "mAP@select": at the report that the study's label-free criterion picks, of those with this figure (epochs may be evaluated now and then); "mAP@best": the best over its reports, which is chosen on the test set
---@param of any the view; default: the one that the trial was read in
---@return number|nil
function M.value(trial, column, of) end

return M
