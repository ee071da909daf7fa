-- Views of studies that never ran, of the shape that calr.study.view.read gives, for the tests of tables, reports and
-- statistics. Every number is made from the arguments: the same call gives the same view everywhere.
--
--     fixture.ablation { seeds = 6, epochs = 20 }   4 rows, mAP, rank1 and silhouette with curves
--     fixture.grid { seeds = 3 }                    infomap.k x temperature
--     fixture.search { trials = 60 }                conditional space; every state; a confirm part
--     fixture.goals { trials = 40 }                 mAP against hours
--     fixture.large { trials = 10000 }              a search without curves
--     fixture.empty()                               a plan of which nothing has started
local sys = require "calr.sys"

local fixture = {}

local start = 1763700000 -- 2025-11-21

-- Numbers in [0, 1) from a text: a generator of its own, so that fixtures do not move with the engine's.
local function generator(name)
  local state = tonumber(sys.hash(name):sub(1, 8), 16)
  local g = {}
  function g.uniform()
    state = (state * 1103515245 + 12345) % 2147483648
    return (state >> 8) / 8388608
  end
  function g.normal()
    local sum = 0
    for _ = 1, 12 do sum = sum + g.uniform() end
    return sum - 6
  end
  return g
end

local function round(x, digits)
  local scale = 10 ^ (digits or 6)
  return math.floor(x * scale + 0.5) / scale
end

local function copy(t)
  local out = {}
  for k, v in pairs(t) do out[k] = v end
  return out
end

local function with(base, changes)
  local out = copy(base)
  for k, v in pairs(changes) do out[k] = v end
  return out
end

local function describe(config)
  local names = {}
  for name in pairs(config) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do names[i] = name .. "=" .. tostring(config[name]) end
  return table.concat(names, " ")
end

local function new_view(name, fields)
  local view = {
    name = name, folder = "studies/" .. name, format = 1, created = start, script = name .. ".lua",
    command = ("calr study %s.lua"):format(name), goals = { { metric = "mAP", direction = "max" } }, seeds = { 1 },
    base = { data = "street.lmdb", epochs = 20, refine = "none" }, parts = {},
    code = { hash = "c0de000000000001", parts = { [name .. ".lua"] = "5c00000000000001", calr = "11b0" } },
    data = "da7a000000000001", trials = {}, by_key = {}, workers = {}, counts = {},
  }
  for key, value in pairs(fields) do view[key] = value end
  return view
end

-- A row of a part: {label=, changes=}.
local function add_row(view, part, label, changes)
  local rows = view.parts[part].rows
  rows[#rows + 1] = { label = label, config = with(view.base, changes), changes = changes }
end

-- The trial of a row and a seed, waiting.
local function add_trial(view, part, row, seed, number)
  local r = view.parts[part].rows[row]
  local cell = sys.hash(describe(r.config) .. " seed=" .. seed):sub(1, 16)
  local key = sys.hash(cell .. view.code.hash .. (view.data or "")):sub(1, 16)
  if view.by_key[key] then return view.by_key[key] end -- the same cell in another part: one trial
  local trial = {
    key = key, cell = cell, number = number, part = part, row = row, label = r.label, config = r.config,
    changes = r.changes, seed = seed, in_plan = true, state = "waiting", attempt = 0, deaths = 0, metrics = {},
    reports = {}, notes = {}, command = ("%s --trial %s"):format(view.command, key),
  }
  view.trials[#view.trials + 1] = trial
  view.by_key[key] = trial
  return trial
end

local function set_state(trial, state, worker, at, seconds)
  trial.state, trial.attempt, trial.worker, trial.host = state, 1, worker.id, worker.host
  trial.started, trial.seconds, trial.threads = at, seconds, worker.threads
  trial.ended = state ~= "running" and at + seconds or nil
  trial.hours = round(seconds / 3600)
  if state ~= "running" then trial.metrics.hours = trial.hours end
  trial.folder = ("trials/%s/1"):format(trial.key)
  local attempts = worker.attempts
  attempts[#attempts + 1] = { key = trial.key, attempt = 1, start = at, stop = trial.ended, state = state }
  worker.last = trial.ended or at + seconds
end

-- A learning curve that ends near `level`; the best epoch lies before the last one.
local function add_curve(trial, level, epochs, seconds, g)
  local best = 0
  for step = 1, epochs do
    local value = level * (1 - math.exp(-3 * step / epochs)) + 0.004 * g.normal()
    if step == epochs - 2 then value = value + 0.01 end
    value = round(math.max(0, value))
    best = math.max(best, value)
    trial.reports[step] = {
      step = step, t = trial.started + seconds * step / epochs,
      values = {
        mAP = value, rank1 = round(math.min(1, value + 0.25)), loss = round(3 * math.exp(-2 * step / epochs)),
        silhouette = round(0.2 + 0.3 * (1 - math.exp(-4 * step / epochs)) + 0.01 * g.normal()),
      },
    }
  end
  return best
end

local function finish_metrics(trial)
  local last = trial.reports[#trial.reports]
  for name, value in pairs(last.values) do trial.metrics[name] = value end
end

local function new_worker(view, index, host)
  local worker = {
    id = ("%s-%d-%08x"):format(host or "node1", 4000 + index, 0x1234567 * index), host = host or "node1",
    pid = 4000 + index, threads = 1, alive = false, left = true, started = start, last = start, attempts = {},
  }
  view.workers[index] = worker
  return worker
end

-- Gives a trial to the worker that is free first.
local function next_worker(view)
  local best = view.workers[1]
  for _, worker in ipairs(view.workers) do
    if worker.last < best.last then best = worker end
  end
  return best
end

-- Counts states; call it after changing trials by hand.
function fixture.count(view)
  local counts = { stale = 0 }
  for _, state in ipairs { "waiting", "running", "finished", "failed", "pruned", "interrupted", "dead" } do
    counts[state] = 0
  end
  for _, trial in ipairs(view.trials) do
    if trial.stale then
      counts.stale = counts.stale + 1
    elseif trial.in_plan then
      counts[trial.state] = counts[trial.state] + 1
    end
  end
  view.counts = counts
  return view
end

-- Puts a result of older code beside the trial, which waits again.
function fixture.make_stale(view, trial)
  local old = copy(trial)
  old.key = sys.hash("old" .. trial.key):sub(1, 16)
  old.command = ("%s --trial %s"):format(view.command, old.key)
  old.in_plan, old.stale, old.stale_why = false, "code", "refine/pivot.lua changed"
  view.trials[#view.trials + 1] = old
  view.by_key[old.key] = old
  trial.state, trial.attempt, trial.metrics, trial.reports = "waiting", 0, {}, {}
  trial.started, trial.ended, trial.seconds, trial.hours, trial.worker, trial.folder = nil, nil, nil, nil, nil, nil
  return fixture.count(view)
end

-- Fails a finished trial.
function fixture.make_failed(view, trial, message)
  trial.state, trial.metrics, trial.error = "failed", { hours = trial.hours }, message
  return fixture.count(view)
end

-- fixture.ablation { seeds = 6, epochs = 20, levels = {..4}, spread = }: all finished by two workers.
function fixture.ablation(options)
  options = options or {}
  local seeds, epochs = options.seeds or 6, options.epochs or 20
  local levels, spread = options.levels or { 0.402, 0.418, 0.447, 0.451 }, options.spread or 0.006
  local view = new_view(options.name or "refinement", { select = { metric = "silhouette", direction = "max" } })
  for i = 1, seeds do view.seeds[i] = i end
  view.parts[1] = { kind = "ablate", rows = {} }
  add_row(view, 1, "Baseline", {})
  add_row(view, 1, "+ alignment", { ["alignment.weight"] = 1 })
  add_row(view, 1, "+ refinement", { ["alignment.weight"] = 1, refine = "pivot" })
  add_row(view, 1, "+ cluster weights", { ["alignment.weight"] = 1, refine = "pivot", ["weights.from"] = 0 })
  new_worker(view, 1)
  new_worker(view, 2)
  for seed = 1, seeds do
    local common = spread * generator("seed" .. seed).normal() -- what a seed does to every row alike
    for row, level in ipairs(levels) do
      local g = generator(("ablation %d %d"):format(seed, row))
      local trial = add_trial(view, 1, row, seed)
      local worker, seconds = next_worker(view), round(300 + 40 * g.uniform(), 1)
      set_state(trial, "finished", worker, worker.last, seconds)
      add_curve(trial, level / 0.95 + common + 0.3 * spread * g.normal(), epochs, seconds, g)
      finish_metrics(trial)
    end
  end
  return fixture.count(view)
end

-- fixture.grid { seeds = 3, k = {10,15,20}, temperature = {.05,.07} }: all finished.
function fixture.grid(options)
  options = options or {}
  local ks, temperatures = options.k or { 10, 15, 20, 30 }, options.temperature or { 0.03, 0.05, 0.07 }
  local view = new_view("k-and-temperature", {})
  for i = 1, options.seeds or 3 do view.seeds[i] = i end
  view.parts[1] = { kind = "grid", rows = {}, parameters = {
    { name = "infomap.k", kind = "choice", choices = ks },
    { name = "temperature", kind = "choice", choices = temperatures },
  } }
  for _, k in ipairs(ks) do
    for _, t in ipairs(temperatures) do
      add_row(view, 1, ("infomap.k=%s temperature=%s"):format(k, t), { ["infomap.k"] = k, temperature = t })
    end
  end
  new_worker(view, 1)
  for _, seed in ipairs(view.seeds) do
    for row, r in ipairs(view.parts[1].rows) do
      local g = generator(("grid %d %d"):format(seed, row))
      local trial = add_trial(view, 1, row, seed)
      local k, t = r.changes["infomap.k"], r.changes.temperature
      local level = 0.45 - 0.0002 * (k - 16) ^ 2 - 60 * (t - 0.052) ^ 2 + 0.004 * g.normal()
      set_state(trial, "finished", view.workers[1], view.workers[1].last, round(200 + 30 * g.uniform(), 1))
      trial.metrics.mAP, trial.metrics.rank1 = round(level), round(level + 0.24)
        trial.reports[1] = { step = 20, t = trial.ended, values = copy(trial.metrics) }
    end
  end
  return fixture.count(view)
end

local function search_point(g)
  local point = {
    lr = round(10 ^ (-5 + 2 * g.uniform()), 9), ["infomap.k"] = 10 + 5 * math.floor(7 * g.uniform()),
    ["infomap.min_similarity"] = round(0.3 + 0.4 * g.uniform()), refine = g.uniform() < 0.4 and "none" or "knn",
  }
  if point.refine == "knn" then point["refine.alpha"] = round(0.1 + 0.8 * g.uniform()) end
  return point
end

local function search_level(point)
  local x = math.log(point.lr, 10) + 3.7
  local level = 0.44 - 0.05 * x * x - 0.00015 * (point["infomap.k"] - 20) ^ 2
    - 0.3 * (point["infomap.min_similarity"] - 0.5) ^ 2
  if point.refine == "knn" then level = level + 0.03 - 0.08 * (point["refine.alpha"] - 0.6) ^ 2 end
  return level
end

local search_parameters = {
  { name = "infomap.k", kind = "int", low = 10, high = 40, step = 5 },
  { name = "infomap.min_similarity", kind = "float", low = 0.3, high = 0.7 },
  { name = "lr", kind = "float", low = 1e-5, high = 1e-3, log = true },
  { name = "refine", kind = "choice", choices = { "none", "knn" } },
  { name = "refine.alpha", kind = "float", low = 0.1, high = 0.9, parent = { name = "refine", value = "knn" } },
}

-- States of the numbers of a search that still runs, by their last digit and more.
local function search_state(number, trials)
  if number > trials - 2 then return "running" end
  if number % 20 == 7 then return "failed" end
  if number % 5 == 3 or number % 5 == 4 then return "pruned" end
  return "finished"
end

local function add_confirmation(view, confirm, g)
  local ranked = {}
  for _, trial in ipairs(view.trials) do
    if trial.state == "finished" then ranked[#ranked + 1] = trial end
  end
  table.sort(ranked, function(a, b) return a.metrics.mAP > b.metrics.mAP end)
  view.parts[2] = { kind = "confirm", of = 1, rows = {} }
  for row = 1, confirm do
    add_row(view, 2, ranked[row].label, ranked[row].changes)
    for _, seed in ipairs(view.seeds) do
      local trial = add_trial(view, 2, row, seed, ranked[row].number)
      if trial.state == "waiting" then
        local worker = next_worker(view)
        set_state(trial, "finished", worker, worker.last, round(600 + 50 * g.uniform(), 1))
        add_curve(trial, search_level(trial.changes) / 0.95 + 0.004 * g.normal(), 20, trial.seconds, g)
        finish_metrics(trial)
      end
    end
  end
end

-- fixture.search { trials = 60, confirm = 5, running = true }: finished, pruned and failed trials, one stale result,
-- the last two trials running.
-- With confirm, the search is over and its best configurations have 4 seeds.
function fixture.search(options)
  options = options or {}
  local trials, running = options.trials or 60, not options.confirm
  local view = new_view("search", { seeds = options.confirm and { 1, 2, 3, 4 } or { 1 } })
  view.parts[1] = { kind = "search", rows = {}, sampler = "tpe", trials = trials, confirm = options.confirm,
    prune = { name = "asha", min = 5, eta = 4 }, parameters = search_parameters }
  for index = 1, 3 do new_worker(view, index, index == 3 and "node2" or "node1") end
  local g = generator "search"
  for number = 1, trials do
    local point = search_point(g)
    add_row(view, 1, "#" .. number, point)
    local trial = add_trial(view, 1, number, 1, number)
    local worker = next_worker(view)
    local state = running and search_state(number, trials) or search_state(number, trials + 2)
    local seconds = round(({ pruned = 150, failed = 30, running = 250 })[state] or 600 + 50 * g.uniform(), 1)
    set_state(trial, state, worker, worker.last, seconds)
    local epochs = ({ pruned = 5, running = 8, failed = 0 })[state] or 20
    if epochs > 0 then add_curve(trial, search_level(point) / 0.95, epochs, seconds, g) end
    if state == "finished" or state == "pruned" then finish_metrics(trial) end
    if state == "pruned" then trial.notes[1] = "asha: in rung 5, behind 12 of 16" end
    if state == "failed" then trial.error = "train.lua:41: loss is NaN in epoch 3; a smaller learning rate may help" end
    if state == "running" then worker.alive, worker.left = true, false end
  end
  if options.confirm then add_confirmation(view, options.confirm, g) end
  if not options.confirm then
    for _, trial in ipairs(view.trials) do
      if trial.number == 11 then
        fixture.make_stale(view, trial)
        break
      end
    end
  end
  return fixture.count(view)
end

-- fixture.goals { trials = 40 }: max mAP, min hours.
function fixture.goals(options)
  local trials = options and options.trials or 40
  local goals = { { metric = "mAP", direction = "max" }, { metric = "hours", direction = "min" } }
  local view = new_view("cost", { goals = goals })
  view.parts[1] = { kind = "search", rows = {}, sampler = "random", trials = trials, parameters = {
    { name = "epochs", kind = "int", low = 5, high = 60 },
    { name = "infomap.k", kind = "int", low = 10, high = 40, step = 5 },
  } }
  new_worker(view, 1)
  local g = generator "goals"
  for number = 1, trials do
    local epochs, k = 5 + math.floor(56 * g.uniform()), 10 + 5 * math.floor(7 * g.uniform())
    add_row(view, 1, "#" .. number, { epochs = epochs, ["infomap.k"] = k })
    local trial, worker = add_trial(view, 1, number, 1, number), view.workers[1]
    set_state(trial, "finished", worker, worker.last, epochs * (20 + k))
    trial.metrics.mAP = round(0.46 * (1 - math.exp(-epochs / 15)) - 0.0002 * (k - 25) ^ 2 + 0.004 * g.normal())
    trial.reports[1] = { step = epochs, t = trial.ended, values = { mAP = trial.metrics.mAP } }
  end
  return fixture.count(view)
end

-- fixture.large { trials = 10000, reports = 0 }: a search whose trials took a moment each.
function fixture.large(options)
  options = options or {}
  local view = new_view("large", { goals = { { metric = "loss", direction = "min" } } })
  view.parts[1] = { kind = "search", rows = {}, sampler = "random", trials = options.trials or 10000, parameters = {
    { name = "x", kind = "float", low = -5, high = 10 }, { name = "y", kind = "float", low = 0, high = 15 },
  } }
  new_worker(view, 1)
  new_worker(view, 2)
  local g = generator "large"
  for number = 1, options.trials or 10000 do
    local x, y = round(-5 + 15 * g.uniform()), round(15 * g.uniform())
    add_row(view, 1, "#" .. number, { x = x, y = y })
    local trial, worker = add_trial(view, 1, number, 1, number), view.workers[1 + number % 2]
    local a = y - 5.1 / (4 * math.pi ^ 2) * x * x + 5 / math.pi * x - 6
    local loss = round(a * a + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10) -- Branin
    set_state(trial, "finished", worker, worker.last, 0.003)
    trial.metrics.loss = loss
    for step = 1, options.reports or 0 do
      trial.reports[step] = { step = step, t = trial.started, values = { loss = round(loss + 1 / step) } }
    end
  end
  return fixture.count(view)
end

-- fixture.empty(): an ablation of which nothing has started, two of its three seeds.
function fixture.empty()
  local view = new_view("empty", { seeds = { 1, 2, 3 } })
  view.parts[1] = { kind = "ablate", rows = {} }
  add_row(view, 1, "Baseline", {})
  add_row(view, 1, "+ refinement", { refine = "pivot" })
  for seed = 1, 3 do
    for row = 1, 2 do add_trial(view, 1, row, seed) end
  end
  return fixture.count(view)
end

return fixture
