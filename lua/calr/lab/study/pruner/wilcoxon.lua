--- @module calr.lab.study.pruner.wilcoxon
--- Prunes by repeated measurement (Optuna's WilcoxonPruner): pairs a candidate's reports so far with the reports of the
--- best one so far at the same places. The candidate ends if Wilcoxon's signed-rank test (one-sided, zeros split) says
--- with p below the threshold that it is worse. A candidate whose mean is no worse never ends.
---
--- Options: `by` ("seed"): the candidates are configurations (rows), the places seeds; a seed's value is the final loss
--- of its trial, and the running trial is compared at its present step. "step": the candidates are trials, the places
--- steps, for trials that report one measurement after the other, such as folds; a trial's score is the mean of its
--- reports. `p` (0.1): the threshold; `startup` (2): pairs before anything ends, at least 2.
---
--- The best is the finished trial with the smallest mean; by seed, the configuration with the smallest mean among those
--- with the most finished seeds, at least `startup`. Few seeds prove little: with p = .1, nothing ends before 4 pairs,
--- all of them worse (1/16). Testing again after each report raises the rate of chance findings above p.

local check = require "calr.lab.study.pruner.options".check
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

-- A candidate has `values` (place -> final loss) and, by seed, `curves` (seed -> step -> loss) and `last` (seed -> the
-- last step).
function Wilcoxon:candidate(id)
  local candidate = self.candidates[id]
  if not candidate then
    candidate = { id = id, values = {}, curves = {}, last = {} }
    self.candidates[id] = candidate
  end
  return candidate
end

function Wilcoxon:observe(report)
  local by_seed = self.by == "seed"
  local candidate = self:candidate(by_seed and report.row or report.key)
  self.owner[report.key] = { candidate = candidate, seed = report.seed }
  if not report.loss then return candidate end
  if report.loss ~= report.loss or math.abs(report.loss) == math.huge then
    candidate.unusable = true
  elseif by_seed then
    local seed, step = report.seed, report.step
    candidate.curves[seed] = candidate.curves[seed] or {}
    candidate.curves[seed][step] = report.loss
    candidate.last[seed] = math.max(candidate.last[seed] or step, step)
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
    local seed = owner.seed
    candidate.values[seed] = candidate.curves[seed] and candidate.curves[seed][candidate.last[seed]]
  end
  candidate.mean, candidate.finished = mean_of(candidate.values)
  if candidate.unusable or self.by == "seed" and candidate.finished < self.startup then return end
  if not self.best or self:is_better(candidate, self.best) then self.best = candidate end
end

-- Means over different seeds are not comparable: more seeds come first.
function Wilcoxon:is_better(a, b)
  if self.by == "seed" and a.finished ~= b.finished then return a.finished > b.finished end
  return a.mean < b.mean
end

-- The values of candidate and best, by place. By seed: those of both, and the running seed at its present step.
function Wilcoxon:places(candidate, report)
  local best = self.best
  if self.by == "step" then return candidate.values, best.values end
  local own, theirs = {}, {}
  for seed, loss in pairs(candidate.values) do
    if best.values[seed] then own[seed], theirs[seed] = loss, best.values[seed] end
  end
  local there = best.curves[report.seed] and best.curves[report.seed][report.step]
  own[report.seed], theirs[report.seed] = there and report.loss, there
  return own, theirs
end

function Wilcoxon:judge(report)
  local candidate = self:observe(report)
  local best = self.best
  if not best or best == candidate or not report.loss or candidate.unusable or best.unusable then return false end
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
  local self = check("wilcoxon", options, {
    by = { default = "seed", choices = { "seed", "step" } }, p = { default = 0.1, least = 0, below = 1 },
    startup = { default = 2, least = 0, whole = true },
  })
  self.candidates, self.owner = {}, {}
  return setmetatable(self, Wilcoxon)
end
