---@meta calr.study.pulse
-- Made by `calr docs`; do not edit.

--- Whether the workers of a study live, as one process sees it.
---
--- On the machine where a worker ran, the lock on its file says at once that it has died. Elsewhere, and for a worker
--- that stands still, its count has to stay the same for `patience` seconds of the watching process; no time stamp is
--- looked at, so that clocks may be wrong.
---@class calr.study.pulse
local M = {}

---@param folder any DIR/workers
---@param patience any
---@param clock any function that gives seconds of a clock that only runs forward, and best only while this process runs (default calr.sys.clock)
---@return watch
function M.watch(folder, patience, clock) end

---@class watch
local watch = {}

---@param worker any
---@return boolean
function watch:alive(worker) end

return M
