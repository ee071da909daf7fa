-- The study whose record lies beside this file. Its text is part of the record: do not change it.
local calr = require "calr"

local S = calr.study "small" { goal = "max score", seeds = { 1, 2 }, base = { x = 1 } }
S:ablate { { "one" }, { "two", x = 2 } }
S:run(function(trial)
  assert(not os.getenv "NO_TRIAL_IS_LEFT", "a trial runs")
  trial:report(1, { score = trial.config.x })
  return { score = trial.config.x * 2 + trial.seed / 10 }
end)
S:table { rows = "label", columns = { "score" } }
