--- @module calr.lab.study.current
--- Links the current context (calr.context) to a study: either what the command line asked of the study that its
--- script declares, or the trial that its script runs in.

local context = require "calr.context"

local current = {}

-- context -> what was asked, and context -> trial
local modes = setmetatable({}, { __mode = "k" })
local answers = setmetatable({}, { __mode = "k" }) -- contexts whose script has declared a study
local trials = setmetatable({}, { __mode = "k" })

--- calr.lab.study.current.ask(where, mode)
--- Keeps the command line's request for the study that a script is about to declare.
--- @param where  the context that the script will run in
--- @param mode   `kind` ("run", "dry-run", "trial" or "work"), and the options of `calr study` and `calr work`; or
---               kind "help" and `show`, a function(defaults) that prints the study's options and ends the program
function current.ask(where, mode)
  modes[where] = mode
end

--- calr.lab.study.current.mode()
--- @return table  as given to current.ask; {kind = "run"} for a script started in another way
function current.mode()
  answers[context.current()] = true
  return modes[context.current()] or { kind = "run" }
end

--- calr.lab.study.current.answered(where)
--- @return boolean  whether the script of a context has declared a study, which asked for its mode
function current.answered(where)
  return answers[where] == true
end

--- calr.lab.study.current.attach(where, trial)
--- Attaches a trial to a context: the trial is told of epochs, checkpoints and summaries of the runs inside. An epoch
--- is reported before its checkpoint is written, because work lost in a kill is computed, and reported, again.
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
--- Reports to the running trial; outside a study it does nothing. trial:report says how it treats nil values and
--- metrics that are not finite.
--- @param step    whole number, from 1
--- @param values  metric -> number
function current.report(step, values)
  local trial = current.trial()
  if trial then trial:report(step, values) end
end

return current
