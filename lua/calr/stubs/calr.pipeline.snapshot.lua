---@meta calr.pipeline.snapshot
-- Made by `calr docs`; do not edit.

--- Snapshots: what a refinement rule sees in one epoch of a training run, in a file, so that rules can be tried on it
--- in a second (`calr refine`). A file RUN/snapshots/epoch-NNN.safetensors holds
---
---     features                 f32[n x d]
---     cameras                  i32[n]
---     global                   i32[n]      global clusters, -1 outliers
---     locals                   i32[n]      local clusters, where there are any
---     scores                   f32[n]      node scores, where there are any
---     neighbours.indices       i32[n x k]  nearest neighbours, the image itself first, where there are any
---     neighbours.similarities  f32[n x k]
---     identities               i32[n]      true identities, -1 unknown; where one is known
---     refined                  i32[n]      the labels that were trained on, where they are others than global
---     reason                   i32[n]      why the run's rule discarded an image: place in `reasons`, -1 not discarded
---
--- and as metadata epoch (from 0), epochs, seed, data (the name of the data set), options (all of the run's, JSON) and
--- reasons (JSON list). Rows are training images, in the data set's order.
---@class calr.pipeline.snapshot
local M = {}

---@param run any the folder of a run
---@param epoch any
---@return string # the file of the snapshot of an epoch (from 0)
function M.path(run, epoch) end

--- Writes a snapshot; the file is whole or absent. Its folder is made.
---@param file any
---@param fields any context (global, features, locals, scores, neighbours: what a refinement rule sees), cameras, epoch, epochs, seed; and where there are any identities, refined, reasons (the third result of calr.refine.apply), data, options
function M.save(file, fields) end

---@param file any
---@return table # the tensors by their names, but neighbours = {indices=, similarities=}; and epoch, epochs, seed, data, options, reasons (list of texts), file
function M.load(file) end

---@param run any the folder of a run
---@return table # its snapshot files, by epoch
function M.list(run) end

return M
