-- calr.study.pruner: the decisions of Optuna's pruners on the same reports; what differs; errors.
local check = require "check"
local pruner = require "calr.study.pruner"

local golden = dofile(os.getenv "CALR_TEST_REFERENCE" .. "/statistics/pruners.lua")

-- Tells a pruner the events of a history and compares each judgement.
local function replay(case, make)
  local decided = 0
  for i, event in ipairs(case.events) do
    local number, step, loss, pruned = table.unpack(event)
    if step == nil then
      make:ended { key = "t" .. number, state = "finished" }
    else
      local report = { key = "t" .. number, number = number, seed = 1, row = number, step = step, loss = loss }
      make:observe(report)
      local verdict, reason = make:judge(report)
      check.equal(verdict, pruned == 1, ("event %d, trial %d, step %d"):format(i, number, step))
      check.equal(reason ~= nil, verdict)
      if verdict then
        decided = decided + 1
        make:ended { key = report.key, state = "pruned" }
      end
    end
  end
  check.ok(decided > 0)
end

for i, case in ipairs(golden.cases) do
  check.test(("case %d, %s: as Optuna"):format(i, case.name), function()
    replay(case, pruner.load(case.name)(case.options))
  end)
end

check.finish()
