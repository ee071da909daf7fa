--- @module calr.lab.study.pulse
--- Whether the workers of a study live, as one process sees it.
---
--- On the machine where a worker ran, the lock on its file says at once that it has died. Elsewhere, and for a worker
--- that stands still, its count has to stay the same for `patience` seconds of the watching process; no time stamp is
--- looked at, so that clocks may be wrong.

local sys = require "calr.sys"

local pulse = {}

local Watch = {}
Watch.__index = Watch

-- A file is looked at a few times a second.
local interval = 0.2

--- calr.lab.study.pulse.watch(folder, patience [, clock])
--- @param folder  DIR/workers
--- @param clock   function that gives seconds of a clock that only runs forward, and best only while this process runs
---                (default calr.sys.clock)
--- @return watch
function pulse.watch(folder, patience, clock)
  return setmetatable({ folder = folder, patience = patience, clock = clock or sys.clock, seen = {} }, Watch)
end

--- watch:alive(worker)
--- @return boolean
function Watch:alive(worker)
  local seen, now = self.seen[worker], sys.clock()
  if seen and now - seen.looked < interval then return seen.alive end
  local count, held = sys.pulse(("%s/%s.beat"):format(self.folder, worker))
  local time = self.clock()
  if not seen then
    seen = { count = count, changed = time }
    self.seen[worker] = seen
  elseif count ~= seen.count then
    seen.count, seen.changed = count, time
  end
  seen.looked = now
  seen.alive = held ~= false and time - seen.changed <= self.patience
  return seen.alive
end

return pulse
