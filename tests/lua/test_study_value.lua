-- Figures of a trial: at the end, at the epoch of the label-free criterion, at the best epoch on the test set.
local check = require "check"
local view = require "calr.lab.study.view"

local function trial(reports)
  local t = { metrics = {}, reports = {} }
  for step, values in ipairs(reports) do
    t.reports[step] = { step = step, values = values }
    for name, value in pairs(values) do t.metrics[name] = value end
  end
  return t
end

local of = { select = { metric = "silhouette", direction = "max" }, goals = { { metric = "mAP", direction = "max" } } }

check.test("last, selected, best", function()
  local t = trial { { mAP = .5, silhouette = .1 }, { mAP = .2, silhouette = .9 }, { mAP = .3, silhouette = .4 } }
  check.equal(view.value(t, "mAP"), .3)
  check.equal(view.value(t, "mAP@select", of), .2)
  check.equal(view.value(t, "mAP@best", of), .5)
  check.equal(view.value(t, "mAP@select", { goals = of.goals }), nil)
  check.fails("is not a figure of a trial", view.value, t, "mAP@first", of)
end)

check.test("an epoch that was not evaluated is not selected", function()
  local t = trial { { silhouette = .95 }, { mAP = .2, silhouette = .5 }, { silhouette = .9 },
    { mAP = .3, silhouette = .4 } }
  check.equal(view.value(t, "mAP@select", of), .2)
  check.equal(view.value(t, "mAP@best", of), .3)
  check.equal(view.value(trial { { silhouette = .5 } }, "mAP@select", of), nil)
end)

check.test("equal scores: the earlier epoch; the smallest where that is the goal", function()
  local t = trial { { loss = 3, silhouette = .5 }, { loss = 1, silhouette = .5 }, { loss = 2, silhouette = .5 } }
  local small = { select = of.select, goals = { { metric = "loss", direction = "min" } } }
  check.equal(view.value(t, "loss@select", small), 3)
  check.equal(view.value(t, "loss@best", small), 1)
end)

check.finish()
