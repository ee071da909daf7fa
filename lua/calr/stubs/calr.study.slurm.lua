---@meta calr.study.slurm
-- Made by `calr docs`; do not edit.

--- Workers of a study on a cluster that Slurm manages: the batch script, and its submission.
---
--- Each task of a job array is a worker. Before Slurm takes a machine back (the time limit, a preemption) it warns the
--- script, which hands the warning on; the worker goes on to its next checkpoint and leaves, and the script asks Slurm
--- to queue the task again. A worker that left because nothing was left to do is not queued again.
---@class calr.study.slurm
local M = {}

--- The batch script.
---@param options any
--- - `folder`: the study's, from the root
--- - `name`: of the study
--- - `path`: where the script will be
--- - `workers`: how many
--- - `threads`: of each
--- - `time,`: partition, mem, account  as sbatch takes them; nil: the cluster's defaults
--- - `signal`: seconds of warning before the end
--- - `extra`: list of further arguments of sbatch
---@return string
function M.script(options) end

--- A name for the next batch script of a study: FOLDER/slurm/submit-N.sh.
---@param folder any
---@return string
function M.path(folder) end

---@return boolean # whether sbatch is on the PATH
function M.available() end

--- Hands a batch script to sbatch.
---@param path any
---@return string|nil # the number of the job; nil when sbatch refused
---@return string # what sbatch said
function M.submit(path) end

return M
