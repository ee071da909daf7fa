--- @module calr.lab.study.table.search
--- Makes the sheet of a search: its best configurations, first those confirmed with more seeds, and a sentence on the
--- rest; for two goals the Pareto front.
---
--- The figure by which a configuration was chosen among many is too optimistic, so it has its own column, apart from
--- the figures of the seeds that had no part in the choice.

local cells = require "calr.lab.study.table.cells"
local columns = require "calr.lab.study.table.columns"
local compare = require "calr.lab.study.compare"
local figures = require "calr.lab.study.table.figures"
local groups = require "calr.lab.study.table.groups"
local pairing = require "calr.lab.study.pairing"
local sheets = require "calr.lab.study.table.sheets"
local statistics = require "calr.statistics"
local text = require "calr.text"

local search = {}

local function number_of(trial)
  return trial.number or tonumber((trial.label or ""):match "%d+") or 0
end

-- The part that confirms a search.
local function confirmation(view, part)
  for index, item in ipairs(view.parts) do
    if item.kind == "confirm" and item.of == part and item.rows and #item.rows > 0 then return index end
  end
end

-- Finished trials of a search with a figure, and how many there are in each state. A confirmed configuration
-- has its search's trial in the confirmation's part.
local function gather(view, part, column)
  local done, states, failed = {}, {}, nil
  local confirm_part, seed = confirmation(view, part), view.seeds[1]
  for _, trial in ipairs(view.trials) do
    local is_own = trial.part == part or (trial.part == confirm_part and trial.seed == seed)
    if is_own and trial.in_plan and not trial.stale then
      local value = columns.value(view, trial, column)
      if value then done[#done + 1] = { trial = trial, value = value } end
      states[trial.state] = (states[trial.state] or 0) + 1
      if trial.state == "failed" then failed = failed or trial end
    end
  end
  return done, states, failed
end

local function better(direction)
  if direction == "min" then
    return function(a, b)
      if a.value ~= b.value then return a.value < b.value end
      return number_of(a.trial) < number_of(b.trial)
    end
  end
  return function(a, b)
    if a.value ~= b.value then return a.value > b.value end
    return number_of(a.trial) < number_of(b.trial)
  end
end

-- A group of one configuration: `values` are those of the confirming seeds, `chosen` those of the
-- search's seed.
local function new_group(view, item, list)
  local trial = item.trial
  local group = { label = trial.label or "#" .. number_of(trial), config = trial.config,
    changes = trial.changes, trials = { [trial.seed] = trial }, values = {}, chosen = {}, missing = {}, old = {},
    ids = {}, commands = { { seed = trial.seed, command = trial.command } } }
  for _, column in ipairs(list) do
    group.values[column.name] = {}
    group.chosen[column.name] = { [trial.seed] = columns.value(view, trial, column) }
  end
  return group
end

-- Adds the confirmation's trials to the group of a configuration.
local function confirm(group, index, part, row, fresh, list, options)
  local own = groups.of_row(index, part, row, fresh, list, options)
  for _, kind in ipairs { "missing", "old", "commands" } do
    table.move(own[kind], 1, #own[kind], #group[kind] + 1, group[kind])
  end
  for seed, trial in pairs(own.trials) do group.trials[seed] = trial end
  group.values, group.is_confirmed = own.values, true
end

-- Sorts groups by the mean of their fresh seeds; those without any come last, in their order.
local function by_mean(list, direction, goal)
  local order = {}
  for i, group in ipairs(list) do
    local values = {}
    for _, value in pairs(group.values[goal]) do values[#values + 1] = value end
    order[i] = { group = group, n = #values, mean = #values > 0 and statistics.mean(values), position = i }
  end
  table.sort(order, function(a, b)
    if (a.n > 0) ~= (b.n > 0) then return a.n > 0 end
    if a.mean and a.mean ~= b.mean then
      if direction == "min" then return a.mean < b.mean end
      return a.mean > b.mean
    end
    return a.position < b.position
  end)
  for i, item in ipairs(order) do list[i] = item.group end
  return list
end

-- The groups of the confirmed configurations: a list, the same by item of `done`, and the seeds that confirm (nil: none
-- is confirmed).
local function confirmed_groups(index, part, done, list, options)
  local view, by_number, result, by_item = index.view, {}, {}, {}
  local confirm_part = confirmation(view, part)
  local fresh = confirm_part and pairing.seeds(view, confirm_part) or {}
  if #fresh == 0 then return result, by_item, nil end
  for _, item in ipairs(done) do by_number["#" .. number_of(item.trial)] = item end
  for row, r in ipairs(view.parts[confirm_part].rows) do
    local item = by_number["#" .. number_of(r)]
    if item then
      local group = new_group(view, item, list)
      confirm(group, index, confirm_part, row, fresh, list, options)
      by_item[item] = group
      result[#result + 1] = group
    end
  end
  return result, by_item, #result > 0 and fresh or nil
end

-- The groups to show: confirmed ones by the figures of the fresh seeds, then others by the search's figure.
local function best_groups(index, part, done, list, options)
  local result, by_item, fresh = confirmed_groups(index, part, done, list, options)
  by_mean(result, list[1].direction, list[1].name)
  for _, item in ipairs(done) do
    if #result >= options.top then break end
    if not by_item[item] then result[#result + 1] = new_group(index.view, item, list) end
  end
  return result, fresh
end

local function add_parameters(sheet, part, list, view)
  local names = {}
  for _, p in ipairs(view.parts[part].parameters or {}) do names[#names + 1] = p.name end
  for _, name in ipairs(names) do
    local values = {}
    for g, group in ipairs(list) do values[g] = group.changes[name] end
    sheets.column(sheet, { head = name, kind = "value" }, values)
  end
end

local function add_names(sheet, list)
  local labels = {}
  for g, group in ipairs(list) do labels[g] = group.label end
  sheets.column(sheet, { head = "trial", kind = "text", id = true }, labels)
end

local order_of_states = { "running", "waiting", "pruned", "failed", "interrupted", "dead" }

-- "50 more configurations: mAP 31.2 to 43.8, median 40.1. 24 pruned, 3 failed (train.lua:41: ...)."
local function rest_note(done, shown, states, failed, column)
  local parts, rest = {}, #done - shown
  if rest > 0 then
    local values = {}
    for i = shown + 1, #done do values[#values + 1] = done[i].value end
    local s = statistics.summary(values)
    parts[1] = ("%s more finished: %s %s to %s, median %s."):format(text.count(rest), column.head,
      cells.figure(column, s.min), cells.figure(column, s.max), cells.figure(column, s.median))
  end
  local others = {}
  for _, state in ipairs(order_of_states) do
    if states[state] then others[#others + 1] = ("%s %s"):format(text.count(states[state]), state) end
  end
  if #others > 0 then
    parts[#parts + 1] = ("Not finished: %s%s."):format(table.concat(others, ", "), failed and failed.error
      and (" (the first: %s)"):format((tostring(failed.error):match "^[^\n]*")) or "")
  end
  return #parts > 0 and table.concat(parts, " ") or nil
end

-- The cells of a column over the search's own seed.
local function chosen_cells(list, column, seed)
  local proxies = {}
  for g, group in ipairs(list) do proxies[g] = { values = group.chosen } end
  return (figures.cells(proxies, column, { seed }))
end

local function without_marks(list)
  for _, cell in pairs(list) do cell.best, cell.as_good = nil, nil end
  return list
end

-- Columns of the fresh seeds' figures, and the number of seeds.
local function add_fresh(sheet, list, columns_shown, fresh, is_marked)
  for _, column in ipairs(columns_shown) do
    local figure_cells, marks = figures.cells(list, column, fresh)
    if is_marked then sheets.mark_note(sheet, marks) else without_marks(figure_cells) end
    local head = ("%s (%d fresh seed%s)"):format(column.head, #fresh, #fresh == 1 and "" or "s")
    local csv = is_marked and column.name or column.name .. "_fresh"
    sheets.column(sheet, { head = head, kind = "figure", of = column, csv = csv }, figure_cells)
  end
  local counts = {}
  for g, group in ipairs(list) do
    local n = 0
    for _ in pairs(group.values[columns_shown[1].name]) do n = n + 1 end
    counts[g] = group.is_confirmed and n or nil
  end
  sheets.column(sheet, { head = "seeds", kind = "count", csv = "seeds" }, counts)
end

local function say_stale(sheet, view, part)
  local count, why = 0, nil
  for _, trial in ipairs(view.trials) do
    if trial.stale and trial.state == "finished" and trial.part == part then
      count, why = count + 1, trial.stale_why or trial.stale .. " changed"
    end
  end
  if count > 0 then
    sheet.notes[#sheet.notes + 1] = ("%d finished %s of other code or data %s left out: %s."):format(count,
      count == 1 and "result" or "results", count == 1 and "is" or "are", why)
  end
end

local function describe(view, part)
  local p = view.parts[part]
  local sampler = type(p.sampler) == "table" and p.sampler[1] or p.sampler
  return ("search%s of %s trials"):format(sampler and " (" .. sampler .. ")" or "", text.count(p.trials or #p.rows))
end

--- calr.lab.study.table.search.sheet(index, part, list, options)
--- @param list     columns, from calr.lab.study.table.columns.parse
--- @param options  top (number of configurations), versus (a label, compared over the confirming seeds), compare, stale
--- @return table  a sheet
function search.sheet(index, part, list, options)
  local view, goal = index.view, list[1]
  local done, states, failed = gather(view, part, goal)
  table.sort(done, better(goal.direction))
  local chosen, fresh = best_groups(index, part, done, list, options)
  local sheet = { kind = "search", columns = {}, rows = {}, notes = {}, part = part, seeds = fresh,
    title = sheets.title(view, part, describe(view, part)) }
  local seed = view.seeds[1]
  local missing = { rows = sheet.rows, notes = {} }
  sheets.rows(missing, chosen)
  add_names(sheet, chosen)
  if fresh then
    sheets.column(sheet, { head = ("%s (seed %s, chose)"):format(goal.head, seed), kind = "figure", of = goal,
      csv = goal.name .. "_search" }, without_marks(chosen_cells(chosen, goal, seed)))
    add_fresh(sheet, chosen, list, fresh, true)
    sheet.notes[#sheet.notes + 1] = ("Seed %s chose the configurations, and the best of many is too optimistic; %s had "
      .. "no part in the choice."):format(seed, figures.seed_list(fresh))
  else
    for _, column in ipairs(list) do
      sheets.column(sheet, { head = column.head, kind = "figure", of = column, csv = column.name },
        without_marks(chosen_cells(chosen, column, seed)))
    end
    if #done > 1 then
      sheet.notes[#sheet.notes + 1] = ("One seed each (%s), and the best of many is too optimistic: `confirm` gives "
        .. "the best ones more seeds."):format(seed)
    end
  end
  add_parameters(sheet, part, chosen, view)
  if fresh then sheets.differences(sheet, chosen, list, options) end
  sheet.notes[#sheet.notes + 1] = rest_note(done, #chosen, states, failed, goal)
  sheets.epoch_notes(sheet, view, list)
  table.move(missing.notes, 1, #missing.notes, #sheet.notes + 1, sheet.notes)
  say_stale(sheet, view, part)
  sheets.mixture_notes(sheet, view, chosen, { stale = true }) -- stale ones of all trials are noted above
  return sheet
end

--- calr.lab.study.table.search.front(index, part, list, options)
--- Makes the sheet of the Pareto front of a search with two goals.
--- @return table  a sheet
function search.front(index, part, list, options)
  local view = index.view
  local goals = columns.parse(view, { view.goals[1].metric, view.goals[2].metric })
  local done, states, failed = gather(view, part, goals[1])
  local points, items = {}, {}
  local signs = { goals[1].direction == "max" and -1 or 1, goals[2].direction == "max" and -1 or 1 }
  for _, item in ipairs(done) do
    local second = columns.value(view, item.trial, goals[2])
    if second then
      points[#points + 1] = { signs[1] * item.value, signs[2] * second }
      items[#items + 1] = item
    end
  end
  local chosen, _, by_item, fresh = {}, confirmed_groups(index, part, done, list, options)
  for k, i in ipairs(compare.front(points)) do chosen[k] = by_item[items[i]] or new_group(view, items[i], list) end
  local sheet = { kind = "front", columns = {}, rows = {}, notes = {}, part = part,
    title = sheets.title(view, part, ("%s, Pareto front of %s and %s"):format(describe(view, part), goals[1].head,
      goals[2].head)) }
  sheets.rows(sheet, chosen)
  add_names(sheet, chosen)
  for _, column in ipairs(list) do
    sheets.column(sheet, { head = column.head, kind = "figure", of = column, csv = column.name },
      without_marks(chosen_cells(chosen, column, view.seeds[1])))
  end
  if fresh then add_fresh(sheet, chosen, list, fresh) end
  add_parameters(sheet, part, chosen, view)
  local rest = #items - #chosen
  sheet.notes[#sheet.notes + 1] = ("No other configuration is better in one of %s and %s without being worse in the "
    .. "other; %s more %s worse in one or both."):format(goals[1].head, goals[2].head, text.count(rest),
    rest == 1 and "is" or "are")
  sheet.notes[#sheet.notes + 1] = fresh and ("The front is by seed %s; %s had no part in it."):format(view.seeds[1],
    figures.seed_list(fresh)) or "One seed each (" .. view.seeds[1]
    .. "): neighbours on the front may swap places with another seed."
  sheet.notes[#sheet.notes + 1] = rest_note({}, 0, states, failed, goals[1])
  sheets.epoch_notes(sheet, view, list)
  say_stale(sheet, view, part)
  sheets.mixture_notes(sheet, view, chosen, { stale = true }) -- stale ones of all trials are noted above
  return sheet
end

return search
