-- calr.study.compare: figures by seed, paired differences, best configurations, Pareto fronts, notes.
local check = require "check"
local compare = require "calr.lab.study.compare"
local fixture = require "study_fixture"
local statistics = require "calr.statistics"

check.test("rows against a baseline", function()
  local view = fixture.ablation { seeds = 6 }
  local result = compare.rows(view, { versus = "Baseline" })
  check.equal(result.metric, "mAP")
  check.equal(result.direction, "max")
  check.equal(result.versus, 1)
  check.equal(result.comparisons, 3)
  check.equal(result.smallest_p, 0.03125)
  check.equal(#result.notes, 0)
  local base = result.rows[1]
  check.equal(base.difference, nil)
  local ps = {}
  for r, row in ipairs(result.rows) do
    check.equal(row.n, 6)
    check.equal(#row.missing, 0)
    local list = {}
    for seed = 1, 6 do
      list[seed] = row.values[seed]
      check.equal(row.trials[seed].label, row.label)
      check.equal(row.trials[seed].metrics.mAP, row.values[seed])
    end
    check.near(row.mean, statistics.mean(list), 1e-12)
    check.near(row.sd, statistics.sd(list), 1e-12)
    if r > 1 then
      check.near(row.difference.mean, row.mean - base.mean, 1e-12)
      check.ok(row.difference.low <= row.difference.mean and row.difference.mean <= row.difference.high)
      ps[#ps + 1] = row.difference.p
    end
  end
  local holm = statistics.holm(ps)
  for r = 2, 4 do check.equal(result.rows[r].difference.p_corrected, holm[r - 1]) end
end)

-- A view by hand: rows of changes to an empty base, and figures[row][seed] (false: that trial failed).
local function view_of(figures, options)
  options = options or {}
  local view = { goals = options.goals or { { metric = "mAP", direction = "max" } }, seeds = {}, base = { k = 15 },
    parts = { { kind = options.kind or "ablate", rows = {} } }, trials = {}, workers = {} }
  for r, by_seed in ipairs(figures) do
    local changes = { row = r }
    local config = { row = r, k = 15 }
    view.parts[1].rows[r] = { label = "row " .. r, config = config, changes = changes }
    for seed, value in pairs(by_seed) do
      view.seeds[seed] = seed
      view.trials[#view.trials + 1] = { key = r .. "/" .. seed, part = 1, row = r, seed = seed, config = config,
        changes = changes, in_plan = true, state = value and "finished" or "failed",
        metrics = { mAP = value or nil }, reports = {}, threads = 1 }
    end
  end
  return view
end

check.test("missing seeds and missing pairs", function()
  local view = view_of { { 0.1, 0.2, 0.3, 0.4 }, { 0.2, false, 0.5, 0.45 }, { false, false, 0.9, false },
    { false, false, false, false } }
  local rows = compare.rows(view, { versus = 1 }).rows
  check.equal(rows[2].n, 3)
  check.all_near(rows[2].seeds, { 1, 3, 4 }, 0)
  check.all_near(rows[2].missing, { 2 }, 0)
  check.all_near(rows[2].unpaired, { 2 }, 0)
  check.equal(rows[2].difference.n, 3)
  check.all_near(rows[2].difference.differences, { 0.1, 0.2, 0.05 }, 1e-12)
  check.equal(rows[2].difference.smallest_p, 0.25)
  check.equal(rows[2].values[2], nil)
  check.equal(rows[3].sd, nil)
  check.equal(rows[3].difference.low, nil, "one pair has no interval")
  check.equal(rows[3].difference.p, 1.0)
  check.ok(rows[4].n == 0 and rows[4].mean == nil and rows[4].difference == nil)
  check.all_near(rows[4].unpaired, { 1, 2, 3, 4 }, 0)
  local result = compare.rows(view, { versus = "row 1" })
  check.equal(result.comparisons, 2)
  check.near(rows[2].difference.p_corrected, 0.5, 1e-12, "Holm over two comparisons")
end)

check.test("no NaN, no infinity", function()
  local view = view_of { { 0.1, 0 / 0, 0.3 }, { 0.2, 0.3, math.huge } }
  local rows = compare.rows(view, { versus = 1 }).rows
  check.all_near(rows[1].missing, { 2 }, 0)
  check.equal(rows[2].n, 2)
  check.equal(rows[2].difference.n, 1)
end)

check.test("results of other code do not count, and are spoken of", function()
  local view = fixture.ablation { seeds = 4 }
  local count = 0
  for _, trial in ipairs(view.trials) do
    if trial.row == 2 and trial.seed == 3 then
      fixture.make_stale(view, trial)
      count = count + 1
      break
    end
  end
  check.equal(count, 1)
  local result = compare.rows(view, { versus = "Baseline" })
  check.equal(result.rows[2].n, 3)
  check.all_near(result.rows[2].missing, { 3 }, 0)
  check.equal(result.notes[1],
    "1 finished result of other code or data is left out: refine/pivot.lua changed.")
  check.equal(#compare.notes(view), 1)
  check.equal(#compare.notes(view, { result.rows[1] }), 0, "not of other rows")
end)

check.test("mixtures are spoken of", function()
  local view = view_of { { 0.1, 0.2, 0.3 }, { 0.2, 0.3, 0.4 } }
  view.workers = {
    { id = "a", calr = { version = "1.0", library = "aaaa" }, cpu = "Xeon" },
    { id = "b", calr = { version = "1.0", library = "bbbb" }, cpu = "Xeon" },
  }
  for i, trial in ipairs(view.trials) do
    trial.worker, trial.threads, trial.data = i > 4 and "b" or "a", i == 2 and 2 or 1, "da7a"
  end
  local notes = compare.rows(view).notes
  check.equal(#notes, 2)
  check.equal(notes[1], "Results of different versions of calr are compared: 1.0, library aaaa (4) and 1.0, "
    .. "library bbbb (2).")
  check.ok(notes[2]:find("different numbers of threads: 1 (5) and 2 (1);", 1, true))
  view.workers[2].cpu, view.trials[1].data = "EPYC", "0ther"
  notes = compare.notes(view)
  check.equal(#notes, 4)
  check.ok(notes[1]:find("da7a (5) and 0ther (1)", 1, true))
  check.ok(notes[3]:find("processors: Xeon (4) and EPYC (2)", 1, true))
end)

check.test("rows with the same configuration share its trials", function()
  local view = fixture.search { confirm = 3 }
  local result = compare.rows(view, { part = 2 })
  check.equal(#result.rows, 3)
  for _, row in ipairs(result.rows) do
    check.equal(row.n, 3, "the seed that chose the configurations does not count")
    check.equal(row.values[1], nil)
    check.equal(#row.missing, 0)
  end
  check.ok(result.notes[1]:find("Seed 1 chose these configurations", 1, true))
  local search = compare.rows(view, { part = 1 }).rows
  local with_four = 0
  for _, row in ipairs(search) do
    if row.n == 4 then with_four = with_four + 1 end
  end
  check.equal(with_four, 3)
  local view2 = view_of { { 0.1, 0.2 }, { 0.3, 0.4 } }
  view2.parts[2] = { kind = "grid", rows = { { label = "same", config = { k = 15.0, row = 2 }, changes = { row = 2 } },
    { label = "lists", config = { k = 15, row = 2, list = { 1, 2 } }, changes = { row = 2, list = { 1, 2 } } } } }
  local rows = compare.rows(view2, { part = 2 }).rows
  check.equal(rows[1].n, 2, "15 and 15.0")
  check.equal(rows[2].n, 0)
end)

check.test("a row is not compared with itself", function()
  local view = view_of { { 0.1, 0.2, 0.3 }, { 0.2, 0.25, 0.5 } }
  view.parts[1].rows[3] = { label = "again", config = view.parts[1].rows[1].config, changes = { row = 1 } }
  local result = compare.rows(view, { versus = "row 1" })
  check.equal(result.rows[3].n, 3)
  check.equal(result.rows[3].difference, nil)
  check.equal(result.comparisons, 1, "no correction for a comparison that is none")
  check.equal(result.rows[2].difference.p_corrected, 0.25)
  check.equal(result.notes[1], "\"again\" has the same trials as \"row 1\": a row is not compared with itself.")
  local best = compare.best(view_of { { 0.1, 0.2, 0.3 } })
  check.equal(#best.as_good, 0)
end)

check.test("tables and reports give one figure for a confirmed configuration", function()
  local build = require("calr.lab.study.table").build
  local results = require "calr.lab.report.results"
  local view = fixture.search { confirm = 3 }
  local sheet, rows = build(view)[1], compare.rows(view, { part = 2 }).rows
  local head, place = "mAP (3 fresh seeds)", nil
  for c, column in ipairs(sheet.columns) do place = column.head == head and c or place end
  check.ok(place, "the table has the column " .. head)
  local compared = 0
  for _, row in ipairs(rows) do
    for _, line in ipairs(sheet.rows) do
      if line.label == row.label then
        check.equal(line.cells[place].mean, row.mean)
        check.equal(line.cells[place].sd, row.sd)
        check.equal(line.cells[place].n, row.n)
        compared = compared + 1
      end
    end
  end
  check.equal(compared, 3)
  for _, members in ipairs(results.members(view)[2]) do
    check.equal(#members, 3)
    for _, i in ipairs(members) do check.ok(view.trials[i + 1].seed ~= view.seeds[1]) end
  end
  -- differences and marks of an ablation: one rule
  view = fixture.ablation { seeds = 6 }
  sheet, rows = build(view, { versus = "Baseline" })[1], compare.rows(view, { versus = "Baseline" }).rows
  local differences, corrected
  for c, column in ipairs(sheet.columns) do
    differences = column.kind == "difference" and c or differences
    corrected = column.head == "p (Holm)" and c or corrected
  end
  for r = 2, 4 do
    local cell, d = sheet.rows[r].cells[differences], rows[r].difference
    check.equal(cell.mean, d.mean)
    check.equal(cell.low, d.low)
    check.equal(cell.high, d.high)
    check.equal(sheet.rows[r].cells[corrected], d.p_corrected)
  end
end)

check.test("trials that are not in the plan do not count", function()
  local view = view_of { { 0.1, 0.2, 0.3 } }
  view.trials[3].in_plan = false
  check.equal(compare.rows(view).rows[1].n, 2)
end)

check.test("a search whose numbers have gaps", function()
  local view = view_of({ { 0.1 }, { 0.2 }, { 0.3 } }, { kind = "search" })
  view.parts[1].rows[2] = nil
  local rows = compare.rows(view, { versus = 3 }).rows
  check.equal(#rows, 2)
  check.equal(rows[2].row, 3)
  check.equal(rows[1].difference.n, 1)
end)

check.test("figures at a chosen epoch", function()
  local view = fixture.ablation { seeds = 3 }
  local last = compare.rows(view).rows[1]
  local best = compare.rows(view, { metric = "mAP@best" }).rows[1]
  local free = compare.rows(view, { metric = "mAP@select" })
  check.ok(best.mean >= last.mean and best.mean >= free.rows[1].mean)
  check.equal(free.direction, "max")
  check.equal(compare.rows(view, { metric = "hours" }).direction, "min")
  check.equal(compare.direction(view, "loss"), "min")
  check.equal(compare.direction(view, "rank1"), "max")
  check.ok(compare.rows(view, { metric = "hours" }).rows[1].mean > 0)
  check.equal(compare.rows(view, { metric = "nothing" }).rows[1].mean, nil)
end)

check.test("the best and those as good", function()
  local a, b, c = { 0.50, 0.52, 0.49, 0.51, 0.53, 0.50 }, {}, {}
  for i, v in ipairs(a) do b[i], c[i] = v + (i % 2 == 0 and 0.01 or -0.012), v - 0.1 - i / 1000 end
  local view = view_of { b, c, a, { 0.9 }, { false, 0.1 } }
  local cautious = compare.best(view)
  check.ok(not cautious.decided and #cautious.as_good == 2, "two comparisons of six seeds cannot reach .05")
  local result = compare.best(view, { level = 0.9 })
  check.ok(result.decided)
  check.equal(result.best.label, "row 3", "one seed with a high figure does not win")
  check.equal(#result.as_good, 1)
  check.equal(result.as_good[1].label, "row 1")
  check.equal(#result.worse, 1)
  check.equal(result.worse[1].label, "row 2")
  check.equal(result.worse[1].difference.p_corrected, 0.0625)
  check.equal(#result.undecided, 2)
  check.equal(result.undecided[1].label, "row 4")
end)

check.test("too few seeds decide nothing", function()
  local result = compare.best(view_of { { 0.9, 0.91, 0.92 }, { 0.1, 0.1, 0.1 } })
  check.equal(result.best.row, 1)
  check.equal(result.decided, false)
  check.equal(result.smallest_p, 0.25)
  check.equal(#result.worse, 0)
  check.equal(#result.as_good, 0)
  check.equal(result.undecided[1].row, 2)
  check.equal(compare.best(view_of { { false, false } }), nil)
  check.equal(compare.best(fixture.empty()), nil)
  local alone = compare.best(view_of { { 0.5, 0.6 } })
  check.ok(alone.best and #alone.as_good == 0 and not alone.decided)
end)

check.test("the best of a loss", function()
  local view = view_of({ { 0.5, 0.6 }, { 0.2, 0.3 } }, { goals = { { metric = "mAP", direction = "min" } } })
  check.equal(compare.best(view).best.row, 2)
end)

check.test("Pareto fronts", function()
  check.all_near(compare.front { { 1, 5 }, { 2, 3 }, { 2, 4 }, { 3, 3 }, { 4, 1 }, { 2, 3 }, { 0, 9 } },
    { 7, 1, 2, 6, 5 }, 0)
  check.equal(#compare.front {}, 0)
  local view = fixture.goals { trials = 40 }
  local result = compare.pareto(view)
  check.equal(#result.rows, 40)
  for i, row in ipairs(result.front) do
    check.ok(row.on_front)
    local before = result.front[i - 1]
    check.ok(not before or row.means[1] <= before.means[1] and row.means[2] <= before.means[2])
    for _, other in ipairs(result.rows) do
      check.ok(not (other.means[1] > row.means[1] and other.means[2] < row.means[2]))
    end
  end
  local swapped = compare.pareto(view, { metrics = { "hours", "mAP" } })
  check.equal(#swapped.front, #result.front)
  check.equal(swapped.directions[1], "min")
end)

check.test("10,000 trials", function()
  local view = fixture.large {}
  local began = os.clock()
  compare.rows(view)
  compare.best(view)
  check.ok(os.clock() - began < 5)
end)

check.test("errors", function()
  local view = fixture.ablation {}
  check.fails("no row \"Basline\" (did you mean \"Baseline\"?)", compare.rows, view, { versus = "Basline" })
  check.fails("has no part 2; it has 1", compare.rows, view, { part = 2 })
  check.fails("did you mean \"versus\"", compare.rows, view, { verses = "Baseline" })
  check.fails("needs two metrics", compare.pareto, view)
  check.fails("level must be a number between 0 and 1", compare.rows, view, { versus = 1, level = 95 })
end)

check.finish()
