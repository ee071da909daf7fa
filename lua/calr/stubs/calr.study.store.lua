---@meta calr.study.store
-- Made by `calr docs`; do not edit.

--- The folder of a study, which any number of workers on any number of machines share.
---
---     study.json             name, goals, script: what the study is
---     plan.json              what is to be computed, as the script said when it last ran
---     codes/HASH.json        the parts of each code that results were computed with
---     claims/KK/KEY.N        attempt N of trial KEY belongs to the worker named inside; made once, by link(2)
---     claims/KK/KEY.done     the attempt whose end counts; made once: the first one stands for ever
---     asks/PART-NNNNNN.json  suggestion N of a search; made once
---     journals/WORKER.jsonl  what a worker reports; only it adds to it
---     workers/WORKER.beat    its sign of life (see calr.sys.heartbeat); WORKER.claimN: what its claims are names of
---     trials/KEY/N/          files of an attempt
---
--- Nothing is ever locked for others, and no time stamp decides anything. An attempt of a dead worker is followed by
--- the next attempt; should the worker only have stood still, then what it ends does not count: it is fenced. When a
--- power cut has taken the end that a marker names, the marker is void, and KEY.done2 stands in its place (and so on).
---@class calr.study.store
local M = {}

---@param dir any
---@return boolean # whether a folder holds a study
function M.is_study(dir) end

--- What study.json says; a folder without it, or of a newer format, is a usage error.
---@param dir any
---@return table
function M.read_header(dir) end

--- What plan.json says.
---@param dir any
---@return table|nil # nil when no plan was saved
function M.read_plan(dir) end

--- Makes the folder of a study, or checks that it is this study's. What else the header says may change from one call
--- to the next.
---@param dir any
---@param header any `name`, and goals, seeds, script, arguments, folder
---@return table # the header with format, created and calr
function M.create(dir, header) end

--- An empty ledger of a study, see calr.study.ledger; the caller feeds it.
---@param dir any
---@return ledger
function M.read_ledger(dir) end

--- Opens the folder of a study, as a worker of it unless `read_only`.
---@param dir any
---@param options any
--- - `threads`: what the worker's record says of its threads, processor and calr's Lua files
--- - `patience`: seconds after which a worker whose sign of life does not change is dead
---@return store # with `worker` (its name), `trials` (key -> trial, as in calr.study.view); a <close> variable
function M.join(dir, options) end

---@class store
local store = {}

--- Takes in what the journals have gained; states are worked out by the next refresh.
---@param force any true: journals of new workers are looked for at once, not a few times a second
function store:read(force) end

--- Reads what the journals have gained, and works out the states of trials.
---@param force any true: journals of new workers are looked for at once, not a few times a second
---@return table # list of the keys of trials that changed since the last call, by this worker or others
function store:refresh(force) end

---@param worker any
---@return boolean # false: it has left or died
function store:alive(worker) end

---@return string|nil # why the sign of life of this worker cannot be written: others will hold it for dead
function store:problem() end

--- Makes the next attempt of a trial this worker's: of one that nobody has begun, that was interrupted, or whose worker
--- has died. A trial whose worker died 5 times in a row, without anything new, fails instead.
---@param key any
---@param retry any true: a failed one too; a number: if its newest attempt is that
---@return integer|nil # the number of the attempt; nil: it is done, failed, or runs elsewhere
function store:claim(key, retry) end

--- Says what a trial is, before its first claim; a second time does nothing.
---@param record any key, cell, config (flat), seed, code, data, part, number, label
function store:trial(record) end

--- Adds a report to an attempt of this worker.
---@param key any
---@param attempt any
---@param step any
---@param values any
function store:report(key, attempt, step, values) end

--- Adds a note to an attempt of this worker.
---@param key any
---@param attempt any
---@param text any
function store:note(key, attempt, text) end

--- Says that a checkpoint was written: what comes after it has got further.
---@param key any
---@param attempt any
function store:checkpoint(key, attempt) end

---@param key any
---@param attempt any
---@return boolean # whether a later attempt has begun: this one no longer counts
function store:fenced(key, attempt) end

--- Ends an attempt of this worker.
---@param key any
---@param attempt any
---@param state any "finished" or "pruned" end the trial for good; "failed" or "interrupted" only the attempt
---@param options any
---@return boolean # false: the attempt was fenced (another one took its place), and this end does not count
function store:finish(key, attempt, state, options) end

--- Makes suggestion `number` (1, 2, ...) of a search this one.
---@param part any
---@param number any
---@param config any
---@return boolean # false: somebody else has made that number
function store:ask(part, number, config) end

--- The suggestions of a search, made by any worker.
---@param part any
---@return table # number -> {number, config, worker}
function store:asks(part) end

--- Makes the folder for the files of an attempt.
---@param key any
---@param attempt any
---@return string
function store:folder(key, attempt) end

---@param key any
---@param attempt any
---@return string|nil # the folder of the newest earlier attempt that has one
function store:previous(key, attempt) end

--- Asks all workers that are there now to stop.
function store:stop() end

---@return boolean # whether somebody has asked so since this worker joined, as of the last refresh
function store:stopped() end

--- Keeps the parts of a code that is not the plan's, such as that of a suggestion which names a rule of one's own.
---@param hash any
---@param parts any
function store:keep_code(hash, parts) end

--- Writes plan.json, and keeps the parts of its code, so that results of older code can say what has changed.
---@param dir any
---@param plan any table; `format` is set
function M.write_plan(dir, plan) end

--- Leaves the study; a second time does nothing.
function store:close() end

return M
