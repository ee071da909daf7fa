---@meta calr.study.trial
-- Made by `calr docs`; do not edit.

--- One trial, as the function of a study sees it.
---
---     S:run(function(trial)
---       local state = trial:restore() or { epoch = 0, w = start() }
---       for epoch = state.epoch + 1, trial.config.epochs do
---         ...
---         trial:report(epoch, { mAP = mAP, loss = loss })
---         trial:checkpoint { epoch = epoch, w = w }
---       end
---       return { mAP = mAP }
---     end)
---
--- Fields: `config` (the options, as calr.config returns them), `seed`, `label`, `key` (16 hexadecimal digits),
--- `number` (in a search), `attempt` (1, or more when earlier ones were interrupted).
---@class calr.study.trial
local M = {}

--- A trial that is about to run.
---@param record any key, seed, label, number, part
---@param options any config, store, attempt, judge (function(step, values) -> true to prune, reason)
function M.new(record, options) end

---@class trial
local trial = {}

--- What is known after a step (an epoch, usually). It is kept whatever happens afterwards; learning curves, pruners and
--- the choice of an epoch are made from it. When the study's pruner gives the trial up, this does not return.
---@param step any whole number; rising
---@param values any metric -> number; NaN and infinity are an error that names the metric
function trial:report(step, values) end

--- A note in the trial's record.
---@param format any
---@param ... any
function trial:log(format, ...) end

--- A folder of this attempt for files of any kind; made by the first call. Attempts do not share folders.
---@return string
function trial:folder() end

--- Keeps a state to go on from: whole or not at all. When the machine is about to be taken away (SIGUSR1, a
--- preemption), this does not return: the trial is interrupted here, with nothing lost.
---@param state any a table of numbers, strings, booleans, tensors and tables of them
function trial:checkpoint(state) end

--- Says that a checkpoint has been written by other means, as run:checkpoint does. When another worker has taken the
--- trial over, because this one stood still for long, this does not return: whatever came out would not count.
function trial:checkpointed() end

--- The state of the newest checkpoint of an earlier, interrupted attempt.
---@return table|nil # what trial:checkpoint was given; nil: begin at the beginning
function trial:restore() end

--- Final figures, in addition to what was reported last; a run inside the trial gives those of run:finish{...}.
---@param values any
function trial:summary(values) end

--- The metrics of a trial that has ended: what it reported last, together with what its function returned.
---@param returned any a table metric -> number, a number (of the only goal), or nil
---@param goals any list of {metric=, direction=}
---@return table # metric -> number; an error says what is missing or not finite
function trial:result(returned, goals) end

return M
