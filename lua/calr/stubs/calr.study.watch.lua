---@meta calr.study.watch
-- Made by `calr docs`; do not edit.

--- The live view of a study in the terminal: states, best so far, curves of what runs, workers, failures, time left.
---
--- What is to be shown is worked out when something has changed (summary), and laid out for the size of the terminal
--- once a second (frame); of the screen only lines that differ are written. A large study is read less often, so that
--- watching takes no more than a tenth of a core.
---@class calr.study.watch
local M = {}

--- What a view has to show, independent of the time and of the terminal.
---@param view any
---@return table
function M.summary(view) end

--- The lines of the view.
---@param summary any
---@param now any seconds since 1970
---@param width any
---@param height any lines of the terminal; nil: as many as there are
---@return table # list of lines, none wider than `width`
function M.frame(summary, now, width, height) end

--- Shows the study until it is over or the user leaves with q or Ctrl-C. Where the output is no terminal: what there is
--- to see now, once.
---@param dir any
function M.run(dir) end

return M
