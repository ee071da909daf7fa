--- @module calr.lab.study.pulse
--- Tells whether the workers of a study are alive, as seen by one process.
---
--- On a worker's own machine, the lock on its file says at once that it has died. Elsewhere, or if a worker has
--- stalled, its count must stay the same for `patience` seconds of the watching process. No time stamp is used, so
--- clocks may be wrong.

local sys = require "calr.sys"

local pulse = {}

local Watch = {}
Watch.__index = Watch

-- A file is read a few times a second.
local interval = 0.2

--- calr.lab.study.pulse.watch(folder, patience [, clock])
--- @param folder  DIR/workers
--- @param clock   function that returns seconds of a monotonic clock, preferably one that runs only while this process
---                does (default calr.sys.clock)
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

--- calr.lab.study.pulse.held(folder, worker)
--- Tells whether a worker lives, from its lock alone.
--- @param folder  DIR/workers
--- @return boolean|nil  nil: it may be on another machine, and only time can tell
function pulse.held(folder, worker)
  local count, held = sys.pulse(("%s/%s.beat"):format(folder, worker))
  if count == nil then return false end
  return held
end

return pulse
