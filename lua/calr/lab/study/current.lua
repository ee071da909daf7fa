--- @module calr.lab.study.current
--- What the current context (calr.context) has to do with a study: what the command line asked of the study that its
--- script declares, or the trial inside which its script runs.

local context = require "calr.context"

local current = {}

-- context -> what was asked, and context -> trial
local modes = setmetatable({}, { __mode = "k" })
local trials = setmetatable({}, { __mode = "k" })

--- calr.lab.study.current.ask(where, mode)
--- Keeps what the command line asks of the study that a script is about to declare.
--- @param where  the context that the script will run in
--- @param mode   `kind` ("run", "dry-run", "trial" or "work"), and the options of `calr study` and `calr work`
function current.ask(where, mode)
  modes[where] = mode
end

--- calr.lab.study.current.mode()
--- @return table  what current.ask was given; {kind = "run"} for a script that was started in another way
function current.mode()
  return modes[context.current()] or { kind = "run" }
end

--- calr.lab.study.current.attach(where, trial)
--- Makes a context that of a trial: the trial is told of epochs, checkpoints and summaries of the runs inside. An epoch
--- is told before its checkpoint is written, because what a kill takes away is computed, and reported, again.
function current.attach(where, trial)
  trials[where] = trial
  where:on("epoch", function(_, number, step) trial:report(number, step:figures()) end)
  where:on("checkpoint", function() trial:checkpointed() end)
  where:on("finish", function(_, summary) trial:summary(summary) end)
end

--- calr.lab.study.current.trial()
--- @return trial|nil  see calr.study
function current.trial()
  return trials[context.current()]
end

--- calr.lab.study.current.report(step, values)
--- Reports to the trial that runs; outside a study nothing happens. Values of nil, and metrics that are not finite, are
--- the trial's affair: see trial:report.
--- @param step    whole number, from 1
--- @param values  metric -> number
function current.report(step, values)
  local trial = current.trial()
  if trial then trial:report(step, values) end
end

return current
