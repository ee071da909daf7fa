---@meta calr.run.board
-- Made by `calr docs`; do not edit.

--- What TensorBoard shows of a run: the numbers of metrics.jsonl as event files, in the run's folder `tensorboard`.
---
--- Each number of a line is a point of a curve. The curve is named by the way to the number, after the line's `stage`
--- and `camera` when it has them ("inter/evaluation/mAP", "intra/camera-0/loss"); the step is the line's `epoch`, or
--- the line's number when it has none.
---
--- A process that goes on with a run begins a new file: it tells TensorBoard to forget the earlier ones, whose last
--- lines may have been taken back, and repeats the lines that stand.
---@class calr.run.board
local M = {}

--- A metric line as points.
---@param values any the line, as run:metric takes it
---@param number any of the line, from 1
---@return table # list of {tag, value}, sorted by tag's parts
---@return integer # step
function M.points(values, number) end

--- Begins a new event file for a run folder, with all lines of its metrics.jsonl.
---@param path any
---@return board
function M.open(path) end

---@class board
local board = {}

--- Adds a line.
---@param values any
---@param wall_time any
function board:add(values, wall_time) end

--- Closes the file.
function board:close() end

return M
