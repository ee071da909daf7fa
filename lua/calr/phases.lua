--- @module calr.phases
--- Where the time and the memory of a run go: features, neighbours, clustering, refinement, training, evaluation. What
--- calr does is measured by itself; a script names further phases:
---
---     local labels = calr.phases.measure("clustering", my_clusterer, features)
---
--- The run's log has a line for each epoch and a summary at its end, timing.jsonl the numbers, run.json the sums.

local counted = require "calr.options".counted
local sys = require "calr.sys"
local text = require "calr.text"

local phases = {}

local Ledger = {}
Ledger.__index = Ledger

local current -- the ledger of the innermost open run

--- calr.phases.resident(field)
--- @param field  "VmRSS" (now) or "VmHWM" (the peak)
--- @return integer|nil  bytes of memory that the process holds, mapped files included; nil where the system does not
---                      tell
function phases.resident(field)
  local ok, status = pcall(sys.read_file, "/proc/self/status")
  local kib = ok and status:match(field .. ":%s*(%d+) kB")
  return kib and math.tointeger(tonumber(kib)) * 1024 or nil
end

--- calr.phases.reset_peak()
--- Lets the peak begin anew with the memory held now, where the system can.
function phases.reset_peak()
  local file <close> = io.open("/proc/self/clear_refs", "w")
  if file then file:write "5" end
end

--- calr.phases.open()
--- Begins to note phases, for a run; those of a run that is open already wait until it is closed.
--- @return ledger
function phases.open()
  local ledger = setmetatable({ spent = {}, begun = sys.clock(), above = current }, Ledger)
  current = ledger
  return ledger
end

--- calr.phases.measure(name, fn, ...)
--- Calls fn(...) and notes its time and its peak of memory as a phase of the open run. Of phases inside each other the
--- outermost counts. Without a run it only calls.
--- @return any  what fn returns
function phases.measure(name, fn, ...)
  local ledger = current
  if not ledger or ledger.inside then return fn(...) end
  ledger.inside = name
  phases.reset_peak()
  local started = sys.clock()
  local _ <close> = setmetatable({}, { __close = function()
    ledger.inside = nil
    local spent = ledger.spent[name] or { seconds = 0.0, peak = 0 }
    ledger.spent[name] = spent
    spent.seconds = spent.seconds + sys.clock() - started
    spent.peak = math.max(spent.peak, phases.resident "VmHWM" or 0)
  end })
  return fn(...)
end

--- ledger:take()
--- Returns what was noted since the last call, and begins anew. "other" is the time in no phase.
--- @return table|nil  name -> {seconds=, peak= (bytes)}; nil when there was no phase
function Ledger:take()
  if not next(self.spent) or self.inside then return nil end
  local spent, now, sum = self.spent, sys.clock(), 0
  for _, phase in pairs(spent) do sum = sum + phase.seconds end
  spent.other = { seconds = math.max(0, now - self.begun - sum), peak = 0 }
  self.spent, self.begun = {}, now
  return spent
end

--- ledger:close()
--- Ends it.
function Ledger:close()
  if current == self then current = self.above end
end

--- calr.phases.add(sums, spent)
--- Adds phases to others: seconds to seconds, the larger peak.
--- @param sums   table; name -> {seconds=, peak=}
--- @param spent  table; likewise
--- @return table  sums
function phases.add(sums, spent)
  for name, phase in pairs(spent) do
    local sum = sums[name] or { seconds = 0.0, peak = 0 }
    sums[name] = sum
    sum.seconds, sum.peak = sum.seconds + (tonumber(phase.seconds) or 0), math.max(sum.peak, tonumber(phase.peak) or 0)
  end
  return sums
end

--- calr.phases.text(spent [, shares])
--- Formats phases for people, the longest first: "training 12 s, features 3.1 s; at most 1.2 GiB (training)".
--- @param spent   table; name -> {seconds=, peak=}
--- @param shares  true: with the share of each in the sum
--- @return string
function phases.text(spent, shares)
  local names, sum, largest = {}, 0, nil
  for name, phase in pairs(spent) do
    names[#names + 1] = name
    sum = sum + phase.seconds
    if phase.peak > 0 and (not largest or phase.peak > spent[largest].peak) then largest = name end
  end
  table.sort(names, function(a, b)
    if (a == "other") ~= (b == "other") then return b == "other" end
    if spent[a].seconds ~= spent[b].seconds then return spent[a].seconds > spent[b].seconds end
    return a < b
  end)
  for i, name in ipairs(names) do
    local seconds = spent[name].seconds
    names[i] = name .. " " .. (seconds < 0.1 and ("%.0f ms"):format(1000 * seconds) or text.duration(seconds))
      .. (shares and sum > 0 and (" (%.0f %%)"):format(100 * spent[name].seconds / sum) or "")
  end
  return table.concat(names, ", ")
    .. (largest and ("; at most %s (%s)"):format(text.bytes(spent[largest].peak), largest) or "")
end

counted("ledger:", Ledger)
return (counted("calr.phases.", phases))
