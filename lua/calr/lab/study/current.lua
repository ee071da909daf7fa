--- @module calr.lab.study.current
--- The trial of a study inside which a script runs, if there is one.

local launch = require "calr.launch"

local current = {}

--- calr.lab.study.current.trial()
--- @return trial|nil  see calr.study
function current.trial()
  return launch.trial
end

--- calr.lab.study.current.report(step, values)
--- Reports to the trial that runs; outside a study nothing happens. Values of nil, and metrics that are not finite, are
--- the trial's affair: see trial:report.
--- @param step    whole number, from 1
--- @param values  metric -> number
function current.report(step, values)
  if launch.trial then launch.trial:report(step, values) end
end

return current
