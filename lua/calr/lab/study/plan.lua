--- @module calr.lab.study.plan
--- Plans a study: its parts, their rows, and the trials with their keys.
---
--- A configuration is a flat table, dotted name -> value. A cell is a configuration with a seed; a trial is a cell with
--- its code and its data, and its key is a hash of all of them.

local code = require "calr.lab.study.code"
local config = require "calr.config"
local errors = require "calr.errors"
local json = require "calr.json"
local space = require "calr.lab.study.space"
local suggest = require "calr.options".suggest
local sys = require "calr.sys"
local sorted_keys = require "calr.tables".sorted_keys
local merged = require "calr.tables".merged

local plan = {}

local function is_list(value)
  return #value > 0 or next(value) == nil
end

local function check_value(where, name, value)
  local kind = type(value)
  if kind == "number" and (value ~= value or math.abs(value) == math.huge) then
    error(("%s: \"%s\" is %s, which is not a value for an option"):format(where, name, value), 0)
  elseif kind == "table" then
    for i, item in ipairs(value) do check_value(where, ("%s[%d]"):format(name, i), item) end
  elseif kind ~= "number" and kind ~= "string" and kind ~= "boolean" then
    error(("%s: \"%s\" is a %s, which a record cannot hold; use numbers, strings, booleans and lists"):format(
      where, name, kind), 0)
  end
end

--- calr.lab.study.plan.flatten(where, values)
--- Flattens nested tables and dotted names to a configuration.
--- @param where   for messages
--- @param values  a table
--- @return table  dotted name -> number, string, boolean or list
function plan.flatten(where, values)
  local flat = {}
  local function add(prefix, t)
    for key, value in pairs(t) do
      if type(key) ~= "string" then error(("%s: options have names: name = value"):format(where), 0) end
      local name = prefix .. key
      if type(value) == "table" and not is_list(value) and not space.is(value) then
        add(name .. ".", value)
      else
        if not space.is(value) then check_value(where, name, value) end
        if flat[name] ~= nil then error(("%s: \"%s\" is given twice"):format(where, name), 0) end
        flat[name] = value
      end
    end
  end
  add("", values)
  return flat
end

--- calr.lab.study.plan.nested(flat)
--- Returns a flat configuration as nested tables. A name below one that itself has a value stays as it is:
--- config["refine.alpha"].
--- @return table
function plan.nested(flat)
  local result = {}
  for _, name in ipairs(sorted_keys(flat)) do
    local t, rest, is_free = result, name, true
    for group in name:gmatch "([^.]+)%." do
      local inner = t[group]
      if inner == nil then
        inner = {}
        t[group] = inner
      elseif type(inner) ~= "table" or is_list(inner) and next(inner) ~= nil then
        is_free = false
        break
      end
      t, rest = inner, rest:sub(#group + 2)
    end
    if is_free then t[rest] = flat[name] else result[name] = flat[name] end
  end
  return result
end

-- Names that a configuration may have when the study declares no options: those of its base and the pipeline's.
local function dictionary(study)
  if study.dictionary then return study.dictionary.set, study.dictionary.names end
  local names, set = {}, {}
  local function add(list)
    for _, name in ipairs(list) do
      if not set[name] then names[#names + 1] = name end
      set[name] = true
    end
  end
  if study.options then
    add(config.names(study.options))
  else
    add((config.names(require("calr.pipeline").defaults {})))
    local _, groups = config.names(require("calr.pipeline").defaults {})
    add(groups)
    for name in pairs(study.base) do add { name } end
  end
  study.has_seed = set.seed or false
  add { "seed" }
  study.dictionary = { set = set, names = names }
  return set, names
end

--- calr.lab.study.plan.check_names(study, where, names [, parameters])
--- Raises an error for a name unknown to the study's configurations and suggests the nearest one.
--- @param new  whether new names, unlike any known one, are accepted in a study that declares no options: those of a
---             grid or a search declare themselves
function plan.check_names(study, where, flat, new)
  local set, names = dictionary(study)
  local sorted = sorted_keys(flat)
  local brought = {} -- options added by a rule or a network among these values
  local defaults = study.options or require("calr.pipeline").defaults {}
  for _, name in ipairs((config.names(defaults, merged(study.base, flat)))) do brought[name] = true end
  for _, name in ipairs(sorted) do
    if name == "seed" then error(where .. ": the seed comes from the study's seeds = {...}", 0) end
    local is_new = new and not study.options and (#name < 4 or suggest(name, names) == "")
    if not set[name] and not brought[name] and not is_new then
      local group = {}
      for _, known in ipairs(names) do
        if known:sub(1, #name + 1) == name .. "." then group[#group + 1] = known end
      end
      error(("%s: there is no option \"%s\"%s%s"):format(where, name, #group > 0 and "; it is a group of "
        .. table.concat(group, ", ") or suggest(name, names),
        study.options and "" or "; put your own option into base = {...}"), 0)
    end
  end
end

--- calr.lab.study.plan.resolve(study, flat, seed)
--- Returns trial.config: the declared options with these values, or the configuration itself as nested tables.
--- @return table
function plan.resolve(study, flat, seed)
  if not study.options then
    local result = plan.nested(flat)
    result.seed = seed
    return result
  end
  dictionary(study)
  local values = merged(flat, {})
  if study.has_seed then values.seed = seed end
  return config.apply(study.options, values)
end

local function hash16(value)
  return sys.hash(json.encode(value)):sub(1, 16)
end

--- calr.lab.study.plan.row(study, label, changes)
--- Makes a row: one configuration, to run with every seed.
--- @return table  label, config, changes, code, data
function plan.row(study, label, changes)
  local flat = merged(study.base, changes)
  local parts = code.with_files(study.code, flat)
  local hash = parts == study.code and study.code_hash or code.hash(parts)
  study.codes[hash] = parts
  return { label = label, config = flat, changes = changes, code = hash, data = study:fingerprint(flat) }
end

--- calr.lab.study.plan.trial(part, row, seed)
--- @param part    position of the part
--- @return table  key, cell, config, seed, code, data, part, label
function plan.trial(part, row, seed)
  local cell = hash16 { config = row.config, seed = seed }
  return { key = hash16 { cell, row.code, row.data or false }, cell = cell, config = row.config, seed = seed,
    code = row.code, data = row.data, part = part, label = row.label, number = row.number }
end

--- calr.lab.study.plan.trials(part_number, part, seeds)
--- Returns the trials of an ablation or a grid, seed by seed, so that early results can be compared in pairs.
--- @return table  list of trials
function plan.trials(index, part, seeds)
  local list = {}
  for _, seed in ipairs(seeds) do
    for _, row in ipairs(part.rows) do list[#list + 1] = plan.trial(index, row, seed) end
  end
  return list
end

--- calr.lab.study.plan.label(changes)
--- @return string  "infomap.k=10 lr=0.001"
function plan.label(changes)
  local names = sorted_keys(changes)
  for i, name in ipairs(names) do names[i] = name .. "=" .. config.format(changes[name]) end
  return #names > 0 and table.concat(names, " ") or "base"
end

--- calr.lab.study.plan.ablation(study, rows)
--- @return table  a part: kind "ablate" and rows as tables of changes with labels
function plan.ablation(study, rows)
  if type(rows) ~= "table" or #rows == 0 then
    error("S:ablate takes a list of rows: { {\"Baseline\"}, {\"+ alignment\", alignment = true} }", 0)
  end
  local part, seen = { kind = "ablate", entries = {} }, {}
  for i, row in ipairs(rows) do
    local label, changes = row[1], {}
    if type(label) ~= "string" or label == "" then
      error(("S:ablate: row %d must begin with a label: {\"+ alignment\", alignment = true}"):format(i), 0)
    end
    if seen[label] then error(("S:ablate: two rows are called \"%s\""):format(label), 0) end
    seen[label] = true
    for name, value in pairs(row) do
      if name ~= 1 then changes[name] = value end
    end
    local where = ("S:ablate, row \"%s\""):format(label)
    changes = plan.flatten(where, changes)
    for name, value in pairs(changes) do
      if space.is(value) then error(("%s: \"%s\" must have a single value in a row"):format(where, name), 0) end
    end
    plan.check_names(study, where, changes)
    part.entries[i] = { label = label, changes = changes }
  end
  return part
end

-- The axes of a grid: lists of tables of changes, sorted by name, then those of zips in their order.
local function grid_axes(values)
  local axes, names, distributions = {}, {}, {}
  for name in pairs(values) do
    if type(name) == "string" then names[#names + 1] = name end
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local list = values[name]
    if space.is(list) then
      if list.kind == "zip" then error("S:grid: S.zip takes no name", 0) end
      distributions[name] = list
    elseif type(list) == "table" and is_list(list) then
      if #list == 0 then error(("S:grid: \"%s\" has no values: the space has no points"):format(name), 0) end
      local axis = {}
      for i, value in ipairs(list) do
        check_value("S:grid", ("%s[%d]"):format(name, i), value)
        axis[i] = { [name] = value }
      end
      axes[#axes + 1] = axis
    else
      error(("S:grid: \"%s\" must be a list of values, S.int, S.choice or S.float with a step"):format(name), 0)
    end
  end
  if next(distributions) then
    axes[#axes + 1] = space.make(distributions):points()
  end
  for _, zip in ipairs(values) do
    if not space.is(zip) or zip.kind ~= "zip" then error("S:grid: an entry without a name must be S.zip{...}", 0) end
    local axis = {}
    for i = 1, zip.length do
      axis[i] = {}
      for _, name in ipairs(zip.names) do
        check_value("S:grid", ("%s[%d]"):format(name, i), zip.lists[name][i])
        axis[i][name] = zip.lists[name][i]
      end
    end
    axes[#axes + 1] = axis
  end
  return axes
end

--- calr.lab.study.plan.grid(study, values)
--- @return table  a part: kind "grid"; every combination of the values that `where` allows is an entry
function plan.grid(study, values)
  if type(values) ~= "table" then error("S:grid takes lists by name: S:grid { lr = {1e-3, 1e-4} }", 0) end
  local lists, where = {}, values.where
  for name, list in pairs(values) do
    if name ~= "where" then lists[name] = list end
  end
  if where ~= nil and type(where) ~= "function" then error("S:grid: where is a function(config) -> boolean", 0) end
  local axes, part = grid_axes(lists), { kind = "grid", entries = {} }
  if #axes == 0 then error("S:grid: the space has no points: there are no parameters", 0) end
  local changes = {}
  local function walk(i)
    if i > #axes then
      local copy = merged(changes, {})
      if not where or where(plan.nested(merged(study.base, copy))) then
        part.entries[#part.entries + 1] = { label = plan.label(copy), changes = copy }
      end
      return
    end
    for _, values_here in ipairs(axes[i]) do
      for name, value in pairs(values_here) do
        if i > 1 and changes[name] ~= nil then error(("S:grid: \"%s\" is given twice"):format(name), 0) end
        changes[name] = value
      end
      walk(i + 1)
      for name in pairs(values_here) do changes[name] = nil end
    end
  end
  walk(1)
  if #part.entries == 0 then error("S:grid: the space has no points: `where` allows none", 0) end
  plan.check_names(study, "S:grid", part.entries[#part.entries].changes, true)
  part.axes = lists
  return part
end

local search_options = { "sampler", "trials", "prune", "confirm", "where", "seed" }

local function count_option(value, name, low, default)
  if value == nil then return default end
  local n = math.tointeger(value)
  if not n or n < low then
    error(("S:search: %s must be a whole number of at least %d, not %s"):format(name, low, tostring(value)), 0)
  end
  return n
end

--- calr.lab.study.plan.sampler(study, part)
--- @return sampler  of a search, from its options
function plan.sampler(study, part)
  local options = { seed = part.seed, goals = #study.goals, trials = part.trials }
  for key, value in pairs(part.sampler) do
    if key ~= "name" then options[key] = value end
  end
  return require("calr.lab.study.sampler").make(part.sampler.name, part.space, options)
end

-- Turns {"name", option = value} into {name = "name", option = value}.
local function named(description)
  if type(description) ~= "table" or description.name or type(description[1]) ~= "string" then return description end
  local result = { name = description[1] }
  for key, value in pairs(description) do
    if key ~= 1 then result[key] = value end
  end
  return result
end

--- calr.lab.study.plan.search(study, values)
--- @return table  a part: kind "search" with its space, sampler, pruner and counts
function plan.search(study, values)
  if type(values) ~= "table" then error("S:search takes a table of options and parameters", 0) end
  local distributions, given = {}, {}
  local known = {}
  for _, name in ipairs(search_options) do known[name] = true end
  for name, value in pairs(values) do
    if space.is(value) then
      distributions[name] = value
    elseif known[name] then
      given[name] = value
    elseif type(value) == "table" and is_list(value) then
      if #value == 0 then
        error(("S:search: \"%s\" has no values: the space has no points"):format(tostring(name)), 0)
      end
      distributions[name] = space.choice(value)
    else
      error(("S:search: \"%s\" is neither an option%s nor a parameter (S.float, S.int, S.choice)"):format(
        tostring(name), suggest(name, search_options)), 0)
    end
  end
  local where = given.where
  local sp = space.make(distributions, where and function(point)
    return where(plan.nested(merged(study.base, point)))
  end)
  plan.check_names(study, "S:search", sp.by_name, true)
  local sampler = given.sampler or "tpe"
  if type(sampler) == "string" then sampler = { sampler } end
  if type(sampler) ~= "table" or type(sampler.name or sampler[1]) ~= "string" then
    error("S:search: sampler must be a name, {name, option = value}, or S.tpe{...}, S.gp{...}, S.cmaes{...}, "
      .. "S.nsga2{...}, S.sobol{...}, S.random{...}", 0)
  end
  local prune = named(given.prune)
  if prune ~= nil and (type(prune) ~= "table" or type(prune.name) ~= "string") then
    error("S:search: prune must be S.median{...}, S.asha{...}, S.hyperband{...}, S.wilcoxon{...} or "
      .. "{\"./own.lua\", option = value}", 0)
  end
  local part = { kind = "search", space = sp, sampler = named(sampler), prune = prune,
    seed = count_option(given.seed, "seed", 0, 1),
    trials = count_option(given.trials, "trials", 1, nil), confirm = count_option(given.confirm, "confirm", 0, 0) }
  -- mistakes in their options are found before anything runs
  if prune then require("calr.lab.study.pruner").make(prune) end
  plan.sampler(study, part)
  if not part.trials then
    if sp:count() == math.huge then error("S:search: how many trials? Set trials = 60", 0) end
    part.trials = math.tointeger(sp:count())
  end
  return part
end

-- Describes a parameter, for plan.json and the comparison of spaces.
local function describe(p)
  return { name = p.name, kind = p.kind, low = p.low, high = p.high, log = p.log or nil, step = p.step,
    choices = p.choices and json.array(p.choices), parent = p.parent }
end

--- calr.lab.study.plan.record(study)
--- Returns the plan as written to plan.json.
--- @return table
function plan.record(study)
  local parts = json.array()
  for i, part in ipairs(study.parts) do
    local record = { kind = part.kind }
    if part.rows then
      record.rows = json.array()
      for r, row in ipairs(part.rows) do
        record.rows[r] = { label = row.label, changes = row.changes,
          code = row.code ~= study.code_hash and row.code or nil,
          data = row.data ~= study.data_fingerprint and row.data or nil }
      end
    end
    if part.kind == "search" then
      record.sampler, record.sampler_options = part.sampler.name, part.sampler
      record.prune, record.seed = part.prune, part.seed
      record.trials, record.confirm = part.trials, part.confirm
      record.parameters = json.array()
      for k, p in ipairs(part.space.parameters) do record.parameters[k] = describe(p) end
    elseif part.kind == "confirm" then
      record.of = part.of
    end
    parts[i] = record
  end
  return { format = 1, name = study.name, goals = study.goals, select = study.select, seeds = study.seeds,
    base = study.base, parts = parts, code = study.code_hash, codes = study.codes, data = study.data_fingerprint,
    trial_script = study.script, arguments = json.array(study.arguments) }
end

--- calr.lab.study.plan.conflict(now, before)
--- Says why two plans cannot share a folder: different goals, or different spaces for the same search.
--- @return string|nil
function plan.conflict(now, before)
  if json.encode(now.goals) ~= json.encode(before.goals) then
    return "its goal is different"
  end
  for i, part in ipairs(now.parts) do
    local old = before.parts[i]
    if part.kind == "search" and old and old.kind == "search" then
      local mine, theirs = {}, {}
      for _, p in ipairs(part.parameters) do mine[p.name] = json.encode(p) end
      for _, p in ipairs(old.parameters) do theirs[p.name] = json.encode(p) end
      for name, text in pairs(mine) do
        if theirs[name] ~= text then
          return theirs[name] and ("parameter \"%s\" was %s and is now %s"):format(name, theirs[name], text)
            or ("parameter \"%s\" is new in its search"):format(name)
        end
      end
      for name in pairs(theirs) do
        if not mine[name] then return ("parameter \"%s\" is gone from its search"):format(name) end
      end
    elseif old and (part.kind == "search") ~= (old.kind == "search") then
      return ("its part %d was a %s and is now a %s"):format(i, old.kind, part.kind)
    end
  end
end

--- calr.lab.study.plan.refuse(folder, conflict)
--- Ends the program: two different studies have the same name.
function plan.refuse(folder, conflict)
  errors.usage("the study in %s is a different one: %s. Give this one another name or --out DIR, or remove that folder",
    folder, conflict)
end

return plan
