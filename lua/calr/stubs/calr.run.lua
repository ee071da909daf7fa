---@meta calr.run
-- Made by `calr docs`; do not edit.

--- A run is a folder: what was computed, from what, and how it ended, in files that other tools read.
---
---     run.json       script, configuration, difference from the defaults, seed, data, code, machine, exit reason
---     metrics.jsonl  one JSON object a line, only added to; bit-identical whether or not the run was interrupted
---     timing.jsonl   when each of those lines was written
---     log.txt        what was said
---     tensorboard/   the numbers of metrics.jsonl for TensorBoard (`tensorboard --logdir RUN`): see calr.run.board
---     checkpoints/   tensors (safetensors) and state, from which `calr run --resume DIR` goes on
---     snapshots/     features and clusters of some epochs, for `calr refine`: see calr.pipeline.snapshot
---
---     local run <close> = calr.run.open { config = cfg, data = data }
---     local tensors, state = run:restore "train"
---     if tensors then net:load_state(tensors) end
---     for epoch = state and state.epoch + 1 or 1, cfg.epochs do
---       ...
---       run:metric { epoch = epoch, mAP = mAP }
---       run:checkpoint("train", { tensors = net:state(), state = { epoch = epoch } })
---     end
---
--- When the script ends, the run is finished; when it fails or is interrupted, its record says so.
---@class calr.run
local M = {}

--- Makes the run folder, or opens the one that `calr run --resume` named. Nothing of an earlier run is overwritten: a
--- folder with a run in it, or in use by another process, is refused.
---@param options any
--- - `config`: what calr.config returned
--- - `data`: a data set (anything with :fingerprint()), or a fingerprint (string); another one is refused on resume
--- - `network`: tensors by name, as net:state() gives them; other names or shapes are refused on resume
--- - `script`: path of the script; default: the one that runs
--- - `seed`: default: config.seed
--- - `out`: the folder; default: --out, or runs/SCRIPT-DATE-TIME-N
--- - `resume`: a folder to go on in; default: --resume
---@return run # with `path`, the folder
function M.open(options) end

---@class run
local run = {}

--- Adds a line to metrics.jsonl. Values are numbers, strings, booleans and tables of them; NaN and infinity are an
--- error that names the metric. Nothing that differs between two equal runs (times, host names) belongs here.
---@param values any
function run:metric(values) end

--- Says a line: to log.txt, with the time, and to the terminal unless --quiet.
---@param format any
---@param ... any
function run:log(format, ...) end

--- Writes a checkpoint: whole or not at all, and durable when this returns. Of each name the newest two stay.
---@param name any of the series: letters, digits, - and _; such as "stage1" and "stage2"
---@param options any
--- - `tensors`: tensors by name (network, optimiser, memory)
--- - `state`: table of what else is needed to go on, such as the epoch; JSON
function run:checkpoint(name, options) end

--- The newest checkpoint of that name, in a run that was resumed.
---@param name any
---@return table|nil # tensors by name; nil when there is none: start from the beginning
---@return table # state
function run:restore(name) end

---@return boolean # whether there is a checkpoint to go on from
function run:resumable() end

--- Ends the record: finished. The end of the script does the same.
---@param summary any table of the results that count, kept in run.json
function run:finish(summary) end

--- Ends all open runs; the program does it when the script has ended.
---@param problem any the error that ended the script, or nil
function M.close_all(problem) end

--- The record of a run: run.json, with `status` "dead" when it says "running" but no process does.
---@param path any a run folder
---@return table
function M.read(path) end

--- The lines of metrics.jsonl of a run folder. A last line that is not whole is left out.
---@param path any
---@return table # list of tables
function M.metrics(path) end

return M
