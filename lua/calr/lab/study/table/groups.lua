--- @module calr.lab.study.table.groups
--- Groups trials into the rows of a table before their figures: which trials stand for a configuration, or for a value
--- of a parameter, seed by seed, and what is missing.
---
--- A group is `{label=, ids={...}, trials={seed -> trial}, values={column name -> {seed -> number}}, missing={...},
--- old={...}, commands={...}}`. Only finished trials of the plan count. With `stale`, a result of older code or data
--- is used where the plan's trial has none; the group says so.

local columns = require "calr.lab.study.table.columns"
local suggest = require "calr.options".suggest

local groups = {}

local identities = setmetatable({}, { __mode = "k" })

--- calr.lab.study.table.groups.identify(config)
--- @return string  the same for equal configurations
local function identify(config)
  if identities[config] then return identities[config] end
  local parts = {}
  for name, value in pairs(config) do
    if type(value) == "table" then value = table.concat(value, "\1") end
    parts[#parts + 1] = ("%s=%s"):format(name, value)
  end
  table.sort(parts)
  identities[config] = table.concat(parts, "\0")
  return identities[config]
end
groups.identify = identify

--- calr.lab.study.table.groups.index(view)
--- Indexes the trials by part, row and seed, and stale results by cell; done once for all tables of a view.
--- @return table
function groups.index(view)
  local index = { view = view, rows = {}, stale = {}, stale_trials = {} }
  for part = 1, #view.parts do index.rows[part] = {} end
  for _, trial in ipairs(view.trials) do
    if trial.stale then
      index.stale_trials[#index.stale_trials + 1] = trial
      local known = index.stale[trial.cell]
      if trial.state == "finished" and (not known or (trial.ended or 0) >= (known.ended or 0)) then
        index.stale[trial.cell] = trial
      end
    elseif trial.in_plan and trial.row and index.rows[trial.part] then
      local rows = index.rows[trial.part]
      local seeds = rows[trial.row]
      if not seeds then
        seeds = {}
        rows[trial.row] = seeds
      end
      seeds[trial.seed] = trial
    end
  end
  return index
end

-- The same configuration may be in several rows and parts; its trials then belong to the first.
local function elsewhere(index, config)
  if not index.by_config then
    index.by_config = {}
    for _, trial in ipairs(index.view.trials) do
      if trial.in_plan and not trial.stale then
        local id = identify(trial.config)
        index.by_config[id] = index.by_config[id] or {}
        index.by_config[id][trial.seed] = trial
      end
    end
  end
  return index.by_config[identify(config)] or {}
end

--- calr.lab.study.table.groups.trials(index, part, row, seeds)
--- @return table  seed -> trial of a row, whichever part its trials belong to
function groups.trials(index, part, row, seeds)
  local own, list = index.rows[part][row] or {}, {}
  for _, seed in ipairs(seeds) do
    list[seed] = own[seed] or elsewhere(index, index.view.parts[part].rows[row].config)[seed]
  end
  return list
end

local function first_line(message)
  return (tostring(message):match "^[^\n]*")
end

local function reason(trial, column)
  if not trial then return "not planned" end
  if trial.state == "finished" then return "without a figure " .. column.name end
  if trial.state == "failed" and trial.error then return "failed (" .. first_line(trial.error) .. ")" end
  if trial.state == "dead" then return "interrupted (its worker died)" end
  return trial.state
end

-- Adds the trial of a seed to a group: its figures, its command, or why it has none.
local function add(group, index, list, seed, trial, options)
  local view = index.view
  local stale = trial and trial.state ~= "finished" and options.stale and index.stale[trial.cell]
  local used = stale or trial
  local any = false
  for _, column in ipairs(list) do
    local value = used and columns.value(view, used, column)
    if value then
      group.values[column.name][seed] = value
      any = true
    end
  end
  group.trials[seed] = used
  if any then
    group.commands[#group.commands + 1] = { seed = seed, command = used.command }
    if stale then group.old[#group.old + 1] = { seed = seed, why = stale.stale_why or stale.stale .. " changed" } end
  end
  if not (used and columns.value(view, used, list[1])) then
    group.missing[#group.missing + 1] = { seed = seed, why = reason(trial, list[1]) }
  end
end

local function new_group(label, list)
  local group = { label = label, ids = {}, trials = {}, values = {}, missing = {}, old = {}, commands = {} }
  for _, column in ipairs(list) do group.values[column.name] = {} end
  return group
end

--- calr.lab.study.table.groups.of_row(index, part, row, seeds, list, options)
--- Returns the group of one configuration.
--- @param list     columns, from calr.lab.study.table.columns.parse
--- @param options  stale: whether to use results of older code or data
--- @return table
function groups.of_row(index, part, row, seeds, list, options)
  local r = index.view.parts[part].rows[row]
  local group, trials = new_group(r.label, list), groups.trials(index, part, row, seeds)
  group.config, group.changes = r.config, r.changes
  for _, seed in ipairs(seeds) do add(group, index, list, seed, trials[seed], options) end
  return group
end

--- calr.lab.study.table.groups.by_label(index, part, list, options)
--- @return table  the groups of a part's rows, in their order
function groups.by_label(index, part, list, options)
  local result = {}
  for row in ipairs(index.view.parts[part].rows) do
    result[row] = groups.of_row(index, part, row, index.view.seeds, list, options)
  end
  return result
end

local function same(a, b)
  return a == b or type(a) == "table" and type(b) == "table" and identify(a) == identify(b)
end

-- The names that differ between the rows of a part, sorted.
local function varying(rows)
  local changed, names = {}, {} -- a name that no row changes has the base's value everywhere
  for _, row in ipairs(rows) do
    for name in pairs(row.changes) do changed[name] = true end
  end
  for name in pairs(changed) do
    for _, row in ipairs(rows) do
      if not same(row.config[name], rows[1].config[name]) then
        names[#names + 1] = name
        break
      end
    end
  end
  table.sort(names)
  return names
end

--- calr.lab.study.table.groups.varying(rows)
--- @return table  sorted names that differ between rows
groups.varying = varying

local function check_parameters(names, rows, part)
  local known = varying(rows)
  for _, name in ipairs(names) do
    local found = false
    for _, other in ipairs(known) do found = found or other == name end
    if not found then
      error(("\"%s\" does not vary in part %d%s; these vary: %s"):format(name, part,
        suggest(name, known), table.concat(known, ", ")), 0)
    end
  end
end

-- Rows by the values of the named parameters, and for each row the values of the others.
local function split_rows(rows, names)
  local order, by_values = {}, {}
  for r, row in ipairs(rows) do
    local values, rest = {}, {}
    for name, value in pairs(row.config) do rest[name] = value end
    for i, name in ipairs(names) do
      values[i] = row.config[name]
      rest[name] = nil
    end
    local key = {}
    for i = 1, #names do key[i] = tostring(values[i]) end
    key = table.concat(key, "\0")
    if not by_values[key] then
      by_values[key] = { values = values, rows = {} }
      order[#order + 1] = by_values[key]
    end
    table.insert(by_values[key].rows, { row = r, rest = identify(rest) })
  end
  return order
end

-- For each seed and column, the mean over the settings of the other parameters that all groups have: a group must
-- not look better because its worst setting failed.
local function average(group, members, shared, column, seeds)
  for _, seed in ipairs(seeds) do
    local sum, count = 0.0, 0
    for rest in pairs(shared[seed]) do
      sum = sum + members[rest].values[column.name][seed]
      count = count + 1
    end
    if count > 0 then group.values[column.name][seed] = sum / count end
  end
end

local function shared_settings(split, column, seeds)
  local shared, left_out = {}, 0
  for _, seed in ipairs(seeds) do
    local counts = {}
    for _, part in ipairs(split) do
      for rest, member in pairs(part.members) do
        if member.values[column.name][seed] then counts[rest] = (counts[rest] or 0) + 1 end
      end
    end
    shared[seed] = {}
    for rest, count in pairs(counts) do
      if count == #split then shared[seed][rest] = true else left_out = left_out + count end
    end
  end
  return shared, left_out
end

--- calr.lab.study.table.groups.by_parameters(index, part, names, list, options)
--- Returns groups by the values of one or more parameters. Other varying parameters are averaged, seed by seed, over
--- the settings that all groups have.
--- @param names  list of parameters
--- @return table    list of groups with `ids`, the values
--- @return integer  how many figures were left out because other groups lack their partners
function groups.by_parameters(index, part, names, list, options)
  local rows, seeds = index.view.parts[part].rows, index.view.seeds
  check_parameters(names, rows, part)
  local split, result, single, lost = split_rows(rows, names), {}, true, 0
  for g, item in ipairs(split) do
    local label = {}
    for i, name in ipairs(names) do label[i] = ("%s=%s"):format(name, tostring(item.values[i])) end
    local group = new_group(table.concat(label, " "), list)
    group.ids, item.members = item.values, {}
    for _, member in ipairs(item.rows) do
      local own = groups.of_row(index, part, member.row, seeds, list, options)
      item.members[member.rest] = own
      for _, kind in ipairs { "missing", "old", "commands" } do
        table.move(own[kind], 1, #own[kind], #group[kind] + 1, group[kind])
      end
      if #item.rows == 1 then group.values, group.trials = own.values, own.trials else single = false end
    end
    result[g] = group
  end
  if not single then
    for _, column in ipairs(list) do
      local shared, left_out = shared_settings(split, column, seeds)
      lost = math.max(lost, left_out)
      for g, item in ipairs(split) do
        if #item.rows == 1 then result[g].values[column.name] = {} end
        average(result[g], item.members, shared, column, seeds)
      end
    end
  end
  return result, lost
end

return groups
