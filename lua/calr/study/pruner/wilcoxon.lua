--- @module calr.study.pruner.wilcoxon
--- Pruning by repeated measurement (Optuna's WilcoxonPruner): what a candidate has reported so far is paired with what
--- the best one so far reported in the same places; the candidate ends when Wilcoxon's signed-rank test (one-sided,
--- zeros split) says with p below the threshold that it is worse. A candidate whose mean is no worse never ends.
---
--- Options: `by` ("seed"): the candidates are configurations (rows), the places seeds; a seed's value is the loss that
--- its trial ended with, and the running trial is compared at its present step. "step": the candidates are trials, the
--- places steps, for trials that report one measurement after the other, such as folds; a trial's score is the mean of
--- its reports. `p` (0.1): the threshold; `startup` (2): pairs before anything ends, at least 2.
---
--- The best is the candidate with the smallest mean among those that have `startup` finished values (by "step": among
--- the finished trials). Seeds are few: with p = .1, nothing ends before 4 pairs, all of which are worse (1/16).
--- Testing again after each report finds by chance more often than p says.

local check = require "calr.study.pruner".check
local wilcoxon = require "calr.statistics".wilcoxon

local Wilcoxon = {}
Wilcoxon.__index = Wilcoxon

local function mean_of(values)
  local sum, n = 0.0, 0
  for _, value in pairs(values) do
    sum, n = sum + value, n + 1
  end
  return n > 0 and sum / n or math.huge, n
end

-- A candidate has `values` (place -> final loss) and, by seed, `curves` (place -> step -> loss).
function Wilcoxon:candidate(id)
  local candidate = self.candidates[id]
  if not candidate then
    candidate = { id = id, values = {}, curves = {}, running = {} }
    self.candidates[id] = candidate
  end
  return candidate
end

function Wilcoxon:observe(report)
  local by_seed = self.by == "seed"
  local candidate = self:candidate(by_seed and report.row or report.key)
  self.owner[report.key] = { candidate = candidate, seed = report.seed }
  if not report.loss or report.loss ~= report.loss or math.abs(report.loss) == math.huge then
    candidate.unusable = true
    return candidate
  end
  if by_seed then
    local curve = candidate.curves[report.seed]
    if not curve then
      curve = {}
      candidate.curves[report.seed] = curve
    end
    curve[report.step] = report.loss
    candidate.running[report.seed] = report.loss
  else
    candidate.values[report.step] = report.loss
  end
  return candidate
end

function Wilcoxon:ended(trial)
  local owner = self.owner[trial.key]
  if not owner or trial.state ~= "finished" then return end
  local candidate = owner.candidate
  if self.by == "seed" then
    candidate.values[owner.seed] = candidate.running[owner.seed]
  end
  local mean, n = mean_of(candidate.values)
  candidate.mean, candidate.finished = mean, n
  if candidate.unusable or self.by == "seed" and n < self.startup then return end
  if not self.best or mean < self.best.mean then
    self.best = candidate
  elseif candidate == self.best then -- its mean may have grown
    for _, other in pairs(self.candidates) do
      if other.mean and not other.unusable and (self.by == "step" or other.finished >= self.startup) and
        (other.mean < self.best.mean or other.mean == self.best.mean and other.id < self.best.id) then
        self.best = other
      end
    end
  end
end

-- What candidate and best have, by place; a running seed at the step that it has reached.
function Wilcoxon:places(candidate, report)
  local best = self.best
  if self.by == "step" then return candidate.values, best.values end
  local own, theirs = {}, {}
  for seed, loss in pairs(candidate.values) do own[seed] = loss end
  for seed, loss in pairs(best.values) do theirs[seed] = loss end
  local there = best.curves[report.seed]
  own[report.seed] = report.loss
  theirs[report.seed] = there and there[report.step]
  return own, theirs
end

function Wilcoxon:judge(report)
  local candidate = self:observe(report)
  local best = self.best
  if not best or best == candidate or candidate.unusable or best.unusable then return false end
  local own, theirs = self:places(candidate, report)
  local differences = {}
  for place, loss in pairs(own) do
    if theirs[place] then differences[#differences + 1] = loss - theirs[place] end
  end
  if #differences < math.max(2, self.startup) then return false end
  local p = wilcoxon(differences, { alternative = "greater", zeros = "zsplit" }).p
  if p >= self.p or mean_of(own) <= mean_of(theirs) then return false end
  return true, ("wilcoxon: worse than the best at %d %ss, p = %.3g"):format(#differences, self.by, p)
end

return function(options)
  local by, rest = "seed", {}
  for name, value in pairs(options or {}) do
    if name == "by" then by = value else rest[name] = value end
  end
  if by ~= "seed" and by ~= "step" then
    error(("the pruner wilcoxon: by is \"seed\" or \"step\", not \"%s\""):format(tostring(by)), 2)
  end
  local self = check("wilcoxon", rest, {
    p = { default = 0.1, least = 0, below = 1 }, startup = { default = 2, least = 0, whole = true },
  })
  self.by, self.candidates, self.owner = by, {}, {}
  return setmetatable(self, Wilcoxon)
end
