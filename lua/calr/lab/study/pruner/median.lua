--- @module calr.lab.study.pruner.median
--- The median rule (Golovin et al., "Google Vizier", 2017; Optuna's MedianPruner, with its defaults): a trial ends when
--- its best loss so far is worse than the median of the losses of finished trials at the same step.
---
--- Options: `startup` (5): finished trials before anything ends; `warmup` (0): steps before anything ends; `interval`
--- (1): judge a trial at its first report in each stretch of this many steps after the warm-up; `least` (1): values
--- needed at a step to judge anything.

local check = require "calr.lab.study.pruner.options".check
local ranked = require "calr.lab.study.pruner.ranked"

local function half(n) return (n + 1) // 2 end

local Median = {}
Median.__index = Median

function Median:observe(report)
  local trial = self.running[report.key]
  if not trial then
    trial = { losses = {}, last = -1 }
    self.running[report.key] = trial
  end
  if report.step > trial.last then
    trial.before, trial.last = trial.last, report.step
  end
  local loss = report.loss
  if loss and loss == loss then
    trial.losses[report.step] = loss
    trial.best = math.min(trial.best or loss, loss)
  end
  return trial
end

function Median:ended(trial)
  local ended = self.running[trial.key]
  self.running[trial.key] = nil
  if trial.state ~= "finished" or self.counted[trial.key] then return end
  self.counted[trial.key] = true
  self.finished = self.finished + 1
  for step, loss in pairs(ended and ended.losses or {}) do
    self.steps[step] = self.steps[step] or ranked.new(half)
    self.steps[step]:add(loss)
  end
end

-- Whether the step is the trial's first report in its stretch.
function Median:is_due(trial, step)
  local first = (step - self.warmup) // self.interval * self.interval + self.warmup
  return step == trial.last and trial.before < first
end

function Median:judge(report)
  local trial = self:observe(report)
  if self.finished == 0 or self.finished < self.startup then return false end
  if report.step < self.warmup or not self:is_due(trial, report.step) then return false end
  if not trial.best then return report.loss ~= nil, "median: only NaN so far" end
  local at_step = self.steps[report.step]
  if not at_step or at_step.n < self.least then return false end
  local median, above = at_step:cut()
  if at_step.n % 2 == 0 then median = (median + above) / 2 end
  if trial.best <= median then return false end
  return true, ("median: the best loss so far, %.6g, is above the median of %d at step %d, %.6g"):format(trial.best,
    at_step.n, report.step, median)
end

return function(options)
  local self = check("median", options, {
    startup = { default = 5, least = 0, whole = true }, warmup = { default = 0, least = 0, whole = true },
    interval = { default = 1, least = 1, whole = true }, least = { default = 1, least = 1, whole = true },
  })
  self.running, self.counted, self.steps, self.finished = {}, {}, {}, 0
  return setmetatable(self, Median)
end
