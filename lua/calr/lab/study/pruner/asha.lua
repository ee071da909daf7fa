--- @module calr.lab.study.pruner.asha
--- Asynchronous successive halving (Li et al., "A System for Massively Parallel Hyperparameter Tuning", 2020), in the
--- form that ends trials rather than pausing them: at its first report in rung k, at step min * eta^(rate + k) or
--- later, a trial's loss joins the rung. The trial continues if it is among the best 1/eta of the rung so far (the best
--- one while there are fewer than eta); otherwise it ends. No trial waits for another.
---
--- Options: `min` (1): the step of the first rung; `eta` (4): one in how many continues; `max` (none): no rung at or
--- beyond this step, where a trial is over anyway; `rate` (0): by how many rungs to delay the first one; `startup` (0):
--- losses that a rung must have before any trial passes it.
---
--- Same as Optuna's SuccessiveHalvingPruner. A report that passes several rungs at once joins them one by one. Steps
--- are used as resources unchanged: count epochs from 1.

local check = require "calr.lab.study.pruner.options".check
local ranked = require "calr.lab.study.pruner.ranked"

local Asha = {}
Asha.__index = Asha

function Asha:rung_step(rung)
  return self.min * self.eta ^ (self.rate + rung)
end

-- Adds a report to the rungs that it reaches; returns whether it fails in one of them, and in which.
function Asha:enter(trial, report)
  while report.step >= self:rung_step(trial.rung) and not (self.max and self:rung_step(trial.rung) >= self.max) do
    local rung = self.rungs[trial.rung]
    if not rung then
      rung = ranked.new(self.share)
      self.rungs[trial.rung] = rung
    end
    if report.loss ~= report.loss then return trial.rung end -- NaN fails and is not counted
    rung:add(report.loss)
    trial.rung = trial.rung + 1
    if rung.n <= self.startup or report.loss > rung:cut() then return trial.rung - 1 end
  end
end

function Asha:observe(report)
  local trial = self.trials[report.key]
  if not trial then
    trial = { rung = 0, last = -math.huge }
    self.trials[report.key] = trial
  end
  if report.loss and report.step > trial.last then
    trial.last = report.step
    trial.behind = self:enter(trial, report)
  end
  return trial
end

function Asha:ended(trial)
  return trial -- a trial's losses stay in the rungs
end

function Asha:judge(report)
  local trial = self:observe(report)
  if report.step ~= trial.last or not trial.behind then return false end
  local rung = self.rungs[trial.behind]
  return true, ("asha: a loss of %.6g at step %d is not among the best 1/%d of %d in the rung from step %d"):format(
    report.loss, report.step, self.eta, rung.n, self:rung_step(trial.behind))
end

return function(options)
  local self = check("asha", options, {
    min = { default = 1, least = 1, whole = true }, eta = { default = 4, least = 2, whole = true },
    max = { least = 1, whole = true }, rate = { default = 0, least = 0, whole = true },
    startup = { default = 0, least = 0, whole = true },
  })
  self.trials, self.rungs = {}, {}
  self.share = function(n) return math.max(1, n // self.eta) end
  return setmetatable(self, Asha)
end
