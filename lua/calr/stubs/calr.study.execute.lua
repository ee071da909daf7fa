---@meta calr.study.execute
-- Made by `calr docs`; do not edit.

--- What S:run does: the record, the workers, the dry run, a single trial. A function of the study and the function of
--- its trials.
---@class calr.study.execute
local M = {}

return M
