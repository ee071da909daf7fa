-- Compares the configurations of a study by its finished trials.
local check_options = require "calr.options".check
local json = require "calr.json"
local pairing = require "calr.lab.study.pairing"
local statistics = require "calr.statistics"
local suggest = require "calr.options".suggest
local value_of = require "calr.lab.study.view".value
local sorted_keys = require "calr.tables".sorted_keys

--- @module calr.lab.study.compare
--- Comparisons between the configurations of a study, on a view (calr.study.view): figures by seed, differences paired
--- by seed with interval and p-value, the best configuration and those statistically as good, Pareto fronts.
---
--- Only trials of the plan that have finished and are not stale count. Trials belong to a row by their configuration:
--- if a search, its confirmation and an ablation share a configuration, they share its trials. A missing figure is nil.
--- `notes` is a list of sentences with what else the reader should know, such as results left out or made by different
--- versions.

local compare = {}

local keys_of = setmetatable({}, { __mode = "k" }) -- configuration -> {base, key}: a table asks for several metrics

-- A text that identifies a configuration: its differences from the base.
local function config_key(config, base)
  local known_key = keys_of[config]
  if known_key and known_key[1] == base then return known_key[2] end
  local parts = {}
  local function add(name, value)
    parts[#parts + 1] = name .. "=" .. (type(value) == "table" and json.encode(value) or
      type(value) == "string" and ("%q"):format(value) or tostring(value))
  end
  for name, value in pairs(config) do
    local known = base[name]
    if known ~= value and not (type(known) == "table" and type(value) == "table"
      and json.encode(known) == json.encode(value)) then
      add(name, type(value) == "number" and value + 0.0 or value)
    end
  end
  for name in pairs(base) do
    if config[name] == nil then add(name, "(none)") end
  end
  table.sort(parts)
  local key = table.concat(parts, "\n")
  keys_of[config] = { base, key }
  return key
end

local function is_counted(trial)
  return trial.state == "finished" and not trial.stale and trial.in_plan ~= false
end

-- A finite figure of a trial, or nil.
local function figure_of(view, trial, metric)
  local value = value_of(trial, metric, view)
  if type(value) == "number" and value == value and math.abs(value) < math.huge then return value end
end

-- key of a configuration -> seed -> counted trial.
local function index_trials(view)
  local index = {}
  for _, trial in ipairs(view.trials) do
    if is_counted(trial) then
      local key = config_key(trial.config, view.base)
      index[key] = index[key] or {}
      index[key][trial.seed] = trial
    end
  end
  return index
end

--- calr.lab.study.compare.direction(view, metric)
--- Returns the better direction of a metric: that of the goal that names it; otherwise "min" for hours, seconds and
--- names that end in loss, and "max" for the rest.
--- @param metric  "mAP", or a variant such as "mAP@select"
--- @return string  "max" or "min"
function compare.direction(view, metric)
  local plain = metric:match "^[^@]+" or metric
  for _, goal in ipairs(view.goals) do
    if goal.metric == plain then return goal.direction end
  end
  return (plain == "hours" or plain == "seconds" or plain:find "loss$") and "min" or "max"
end

local function part_of(view, number, what)
  local index = number or 1
  local part = view.parts[index]
  if not part then
    error(("%s: the study has no part %s; it has %d"):format(what, tostring(index), #view.parts), 3)
  end
  return part, index
end

local function metric_of(view, metric)
  return metric or view.goals[1].metric
end

-- The numbers of a part's rows, ascending; those of a search in progress may have gaps.
local function row_numbers(part)
  return sorted_keys(part.rows)
end

-- The trials behind a row, by seed: its own where the view says so, otherwise all of its configuration.
local function trials_of(view, index, row)
  if row.own then return row.own end
  return index[config_key(row.config, view.base)] or {}
end

-- Rows of a part with their figures. The seed that chose the configurations of a search does not count among those that
-- confirm them.
local function gather(view, number_of_part, metric)
  local part, index, rows = view.parts[number_of_part], index_trials(view), {}
  local planned = pairing.seeds(view, number_of_part)
  local chose = part.kind == "confirm" and view.seeds[1]
  for r, number in ipairs(row_numbers(part)) do
    local row = part.rows[number]
    local trials, values, list = {}, {}, {}
    for seed, trial in pairs(trials_of(view, index, row)) do
      if is_counted(trial) and seed ~= chose then
        trials[seed], values[seed] = trial, figure_of(view, trial, metric)
      end
    end
    local seeds = sorted_keys(values)
    for i, seed in ipairs(seeds) do list[i] = values[seed] end
    local missing = {}
    for _, seed in ipairs(planned) do
      if values[seed] == nil then missing[#missing + 1] = seed end
    end
    rows[r] = { row = number, label = row.label, config = row.config, changes = row.changes, n = #seeds, seeds = seeds,
      values = values, trials = trials, missing = missing, mean = statistics.mean(list), sd = statistics.sd(list) }
  end
  return rows
end

-- Notes -------------------------------------------------------------------------------------------------------------

local function list_text(items)
  if #items < 2 then return items[1] or "" end
  return table.concat(items, ", ", 1, #items - 1) .. " and " .. items[#items]
end

local function note_mixture(notes, counts, sentence)
  local items = {}
  for value, count in pairs(counts) do items[#items + 1] = { value = value, count = count } end
  if #items < 2 then return end
  table.sort(items, function(a, b)
    if a.count ~= b.count then return a.count > b.count end
    return tostring(a.value) < tostring(b.value)
  end)
  local texts = {}
  for i, item in ipairs(items) do texts[i] = ("%s (%d)"):format(item.value, item.count) end
  notes[#notes + 1] = sentence:format(list_text(texts))
end

local function version_of(worker)
  local calr = worker.calr
  if type(calr) ~= "table" then return nil end
  local text = tostring(calr.version or "?")
  for _, name in ipairs { "revision", "library" } do
    if calr[name] then text = ("%s, %s %s"):format(text, name, tostring(calr[name]):sub(1, 12)) end
  end
  return text
end

local function count_up(counts, value)
  if value ~= nil then counts[value] = (counts[value] or 0) + 1 end
end

local function note_stale(notes, view, keys)
  local count, whys, seen = 0, {}, {}
  for _, trial in ipairs(view.trials) do
    if trial.stale and trial.state == "finished" and keys[config_key(trial.config, view.base)] then
      count = count + 1
      local why = trial.stale_why or "other " .. tostring(trial.stale)
      if not seen[why] then whys[#whys + 1] = why end
      seen[why] = true
    end
  end
  if count > 0 then
    notes[#notes + 1] = ("%d finished %s of other code or data %s left out: %s."):format(count,
      count == 1 and "result" or "results", count == 1 and "is" or "are", list_text(whys))
  end
end

--- calr.lab.study.compare.notes(view, rows)
--- Returns sentences about the trials behind rows: results left out because their code or data changed, and mixtures of
--- data, versions of calr, processors or numbers of threads among those that count. The results of compare.rows, best
--- and pareto include them.
--- @param rows  list of tables with `config` and `trials` (a table of trials), such as rows of compare.rows; default:
---              all trials
--- @return table  list of sentences
function compare.notes(view, rows)
  local notes, keys, workers = {}, {}, {}
  for _, worker in ipairs(view.workers or {}) do workers[worker.id] = worker end
  local data, versions, processors, threads, seen = {}, {}, {}, {}, {}
  local function add(trial)
    if seen[trial] then return end
    seen[trial] = true
    local worker = workers[trial.worker] or {}
    count_up(data, trial.data)
    count_up(versions, version_of(worker))
    count_up(processors, worker.cpu)
    count_up(threads, trial.threads)
  end
  if rows then
    for _, row in ipairs(rows) do
      keys[config_key(row.config, view.base)] = true
      for _, trial in pairs(row.trials) do add(trial) end
    end
  else
    setmetatable(keys, { __index = function() return true end })
    for _, trial in ipairs(view.trials) do
      if is_counted(trial) then add(trial) end
    end
  end
  note_stale(notes, view, keys)
  note_mixture(notes, data, "Results on different data are compared, by fingerprint: %s.")
  note_mixture(notes, versions, "Results of different versions of calr are compared: %s.")
  note_mixture(notes, processors, "Trials ran on different processors: %s; their last digits can differ, and with them "
    .. "what follows.")
  note_mixture(notes, threads, "Trials ran with different numbers of threads: %s; their last digits can differ, and "
    .. "with them what follows.")
  return notes
end

-- Comparisons -------------------------------------------------------------------------------------------------------

-- Seeds that only one of the two rows has.
local function unpaired_seeds(a, b)
  local seeds = {}
  for seed in pairs(a) do
    if b[seed] == nil then seeds[#seeds + 1] = seed end
  end
  for seed in pairs(b) do
    if a[seed] == nil then seeds[#seeds + 1] = seed end
  end
  table.sort(seeds)
  return seeds
end

-- Differences of `rows` from `reference` (its position), and p-values corrected over them.
local function add_differences(rows, reference, level)
  local list, info = pairing.differences(rows, reference, level)
  for g, row in ipairs(rows) do
    if g ~= reference then
      row.unpaired, row.difference = unpaired_seeds(row.values, rows[reference].values), list[g]
    end
  end
  return info
end

local function find_row(rows, versus, what)
  local labels = {}
  for i, row in ipairs(rows) do
    if row.label == versus or row.row == versus then return i end
    labels[i] = row.label
  end
  error(("%s: there is no row \"%s\"%s"):format(what, tostring(versus),
    suggest(versus, labels)), 3)
end

--- calr.lab.study.compare.rows(view, {part=1, metric=, versus=, level=.95})
--- Returns the rows of a part with their figures over seeds and, with `versus`, their differences from one row, paired
--- by seed, with a BCa bootstrap interval, the exact sign-flip p-value, and the p-value corrected by Holm's method over
--- the comparisons of the table.
--- @param metric  default: the first goal's; "mAP@select" and "mAP@best" as in calr.lab.study.view.value
--- @param versus  label or number of the row to compare with; nil: no comparisons
--- @param level   of the intervals
--- @return table  metric, direction, level, versus (number of the row or nil), comparisons (how many), smallest_p (the
---   smallest that the seeds allow), notes, and rows: a list of {row, label, config, changes, n, mean, sd, seeds
---   (list), values (seed -> figure), trials (seed -> trial), missing (planned seeds without a figure), unpaired (seeds
---   that only this row or only the other has), difference (what calr.statistics.paired returns, and p_corrected; nil
---   without a pair)}
function compare.rows(view, options)
  options = check_options("calr.study.compare.rows", options, { "part", "metric", "versus", "level" })
  local what = "calr.study.compare.rows"
  local part, index = part_of(view, options.part, what)
  local metric, level = metric_of(view, options.metric), options.level or 0.95
  local rows = gather(view, index, metric)
  local result = { part = index, metric = metric, direction = compare.direction(view, metric), level = level,
    rows = rows, comparisons = 0, notes = {} }
  if part.kind == "confirm" and #view.seeds > 1 then
    result.notes[1] = ("Seed %s chose these configurations, and the best of many is too optimistic: it is not counted.")
      :format(view.seeds[1])
  end
  if options.versus ~= nil then
    local reference = find_row(rows, options.versus, what)
    result.versus = rows[reference].row
    local info = add_differences(rows, reference, level)
    result.comparisons = info.comparisons
    for _, row in ipairs(rows) do
      local p = row.difference and row.difference.smallest_p
      if p and p < (result.smallest_p or 2) then result.smallest_p = p end
    end
    local same = {}
    for i, g in ipairs(info.same) do same[i] = rows[g].label end
    result.notes[#result.notes + 1] = pairing.same_note(rows[reference].label, same)
  end
  for _, note in ipairs(compare.notes(view, rows)) do result.notes[#result.notes + 1] = note end
  return result
end

--- calr.lab.study.compare.best(view [, {part=1, metric=, level=.95}])
--- Returns the best configuration of a part and those statistically as good: those whose difference from the best,
--- paired by seed, has a Holm-corrected p-value above 1 - level. The best has the best mean among those with the most
--- seeds, so that one lucky seed does not win. A configuration that shares too few seeds with it for any p-value to be
--- that small (fewer than 6 at level .95) is undecided. `decided` is false if the comparisons are
--- too many for any corrected p-value to be below 1 - level; then "as good" means only "could not be told apart".
---
--- The best is chosen by the same figures that it is then compared with, so its mean and its differences are somewhat
--- too good.
--- @param metric  default: the first goal's
--- @return table|nil  nil without finished trials; otherwise metric, direction, level, best (a row as in compare.rows),
---   as_good (list of rows, best first, `difference` and `p_corrected` towards the best), worse (list of rows),
---   undecided (list of rows), decided, surpassed (whether a row with fewer seeds has a better mean), smallest_p (what
---   the seeds of the best allow), notes
function compare.best(view, options)
  options = check_options("calr.study.compare.best", options, { "part", "metric", "level" })
  local _, index = part_of(view, options.part, "calr.study.compare.best")
  local metric, level = metric_of(view, options.metric), options.level or 0.95
  local direction = compare.direction(view, metric)
  local sign = direction == "max" and 1 or -1
  local rows = gather(view, index, metric)
  local best = pairing.best(rows, direction)
  if not best then return nil end
  local result = { part = index, metric = metric, direction = direction, level = level, best = rows[best], as_good = {},
    worse = {}, undecided = {} }
  local standing = pairing.standing(rows, best, 1 - level)
  local comparable = { rows[best] }
  for _, g in ipairs(standing.comparable) do comparable[#comparable + 1] = rows[g] end
  add_differences(comparable, 1, level)
  for _, g in ipairs(standing.comparable) do
    local list = standing.p_corrected[g] > 1 - level and result.as_good or result.worse
    list[#list + 1] = rows[g]
  end
  for _, g in ipairs(standing.same) do result.as_good[#result.as_good + 1] = rows[g] end
  for _, g in ipairs(standing.few) do result.undecided[#result.undecided + 1] = rows[g] end
  for _, list in ipairs { result.as_good, result.worse, result.undecided } do
    table.sort(list, function(a, b)
      if a.mean ~= b.mean then return sign * a.mean > sign * b.mean end
      return a.row < b.row
    end)
  end
  result.smallest_p = statistics.smallest_p(rows[best].n)
  result.surpassed = pairing.surpassed(rows, best, direction)
  result.decided = standing.decided
  result.notes = compare.notes(view, rows)
  return result
end

--- calr.lab.study.compare.front(points)
--- Returns the Pareto front of points with two losses each: the points for which no other is at least as good in both
--- losses and better in one. Equal points are all on the front.
--- @param points  list of {first loss, second loss}; smaller is better
--- @return table  list of positions in `points`, by ascending first loss
function compare.front(points)
  local order = {}
  for i in ipairs(points) do order[i] = i end
  table.sort(order, function(i, j)
    local a, b = points[i], points[j]
    if a[1] ~= b[1] then return a[1] < b[1] end
    if a[2] ~= b[2] then return a[2] < b[2] end
    return i < j
  end)
  local front, last = {}, nil
  for _, i in ipairs(order) do
    local p = points[i]
    if not last or p[2] < last[2] or p[1] == last[1] and p[2] == last[2] then
      front[#front + 1] = i
      last = p
    end
  end
  return front
end

--- calr.lab.study.compare.pareto(view [, {part=1, metrics=}])
--- Returns the configurations of a part on the Pareto front of two metrics, by their means over seeds.
--- @param metrics  {first, second}; default: the study's two goals
--- @return table  metrics, directions, front (list of {row, label, config, changes, n, means = {first, second}}, best
---                first metric first), rows (all that have both figures, the same fields and `on_front`), notes
function compare.pareto(view, options)
  options = check_options("calr.study.compare.pareto", options, { "part", "metrics" })
  local _, part = part_of(view, options.part, "calr.study.compare.pareto")
  local metrics = options.metrics
  if not metrics then
    if #view.goals < 2 then error("a Pareto front needs two metrics; the study has one goal", 2) end
    metrics = { view.goals[1].metric, view.goals[2].metric }
  end
  local directions, signs = {}, {}
  for k = 1, 2 do
    directions[k] = compare.direction(view, metrics[k])
    signs[k] = directions[k] == "min" and 1 or -1
  end
  local first, second = gather(view, part, metrics[1]), gather(view, part, metrics[2])
  local rows, points = {}, {}
  for r, row in ipairs(first) do
    if row.mean and second[r].mean then
      local means = { row.mean, second[r].mean }
      rows[#rows + 1] = { row = row.row, label = row.label, config = row.config, changes = row.changes,
        trials = row.trials, n = math.min(row.n, second[r].n), means = means, on_front = false }
      points[#points + 1] = { signs[1] * means[1], signs[2] * means[2] }
    end
  end
  local front = {}
  for k, i in ipairs(compare.front(points)) do
    rows[i].on_front = true
    front[k] = rows[i]
  end
  return { metrics = metrics, directions = directions, front = front, rows = rows, notes = compare.notes(view, rows) }
end

return compare
