--- @module calr.lab.study.pruner.hyperband
--- Hyperband (Li et al., JMLR 18, 2018), asynchronous: floor(log_eta(max / min)) + 1 brackets; bracket s is an ASHA
--- whose first rung lies at min * eta^s. A hash of a trial's number selects its bracket; bracket s gets a share in
--- proportion to the trials that Hyperband gives it, ceil(brackets / (r + 1) * eta^r) with r = brackets - 1 - s: many
--- trials are judged early, a few run long undisturbed.
---
--- Options: `min` (1), `max` (needed): first and last step of a trial; `eta` (3); `startup` (0): as for ASHA.
---
--- Same as Optuna's HyperbandPruner except for the hash (Optuna's includes the study's name), and that no trial ends at
--- `max` or beyond, where it is over anyway.

local check = require "calr.lab.study.pruner.options".check
local asha = require "calr.lab.study.pruner.asha"

local Hyperband = {}
Hyperband.__index = Hyperband

-- A number spread over 0 .. 2^32 - 1 (the finalizer of MurmurHash3).
local function spread(number)
  local h = number & 0xffffffff
  h = ((h ~ h >> 16) * 0x85ebca6b) & 0xffffffff
  h = ((h ~ h >> 13) * 0xc2b2ae35) & 0xffffffff
  return h ~ h >> 16
end

function Hyperband:bracket(number)
  local rest = spread(number) % self.total
  for s, share in ipairs(self.shares) do
    rest = rest - share
    if rest < 0 then return self.brackets[s] end
  end
end

function Hyperband:observe(report)
  return self:bracket(report.number):observe(report)
end

function Hyperband:ended(trial)
  return trial -- as in ASHA
end

function Hyperband:judge(report)
  local prune, reason = self:bracket(report.number):judge(report)
  return prune, reason and reason:gsub("^asha", "hyperband")
end

return function(options)
  local self = check("hyperband", options, {
    min = { default = 1, least = 1, whole = true }, max = { least = 1, whole = true },
    eta = { default = 3, least = 2, whole = true }, startup = { default = 0, least = 0, whole = true },
  })
  if not self.max then error("the pruner hyperband needs max, the last step of a trial: S.hyperband{max = 20}", 3) end
  if self.max < self.min then error("the pruner hyperband: max is below min", 3) end
  self.brackets, self.shares, self.total = {}, {}, 0
  local count, reach = 1, self.min * self.eta
  while reach <= self.max do
    count, reach = count + 1, reach * self.eta
  end
  for s = 0, count - 1 do
    local r = count - 1 - s
    self.brackets[s + 1] = asha { min = self.min, max = self.max, eta = self.eta, rate = s, startup = self.startup }
    self.shares[s + 1] = math.ceil(count * self.eta ^ r / (r + 1))
    self.total = self.total + self.shares[s + 1]
  end
  return setmetatable(self, Hyperband)
end
