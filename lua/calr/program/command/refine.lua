--- @module calr.program.command.refine
--- calr refine SNAPSHOT RULE ...: tries refinement rules on the clusters of a training run.

local arguments = require "calr.program.arguments"
local errors = require "calr.errors"
local options = require "calr.lab.refine.options"
local refine = require "calr.refine"
local suggest = require "calr.options".suggest
local sys = require "calr.sys"
local tables = require "calr.lab.refine.table"
local text = require "calr.text"
local traceback = require "calr.traceback"
local watch = require "calr.lab.refine.watch"
local workbench = require "calr.lab.refine"

local command = {
  summary = "try refinement rules on a snapshot of a run: quality before and after, and why images are removed",
  usage = "calr refine SNAPSHOT [key=value ...] [RULE [key=value ...]] ... [--by-camera] [--watch] "
    .. "[--outliers ignore] [--trust] [--md|--csv|--json] [-o FILE]",
  own_help = true,
}

local function help()
  print("usage: " .. command.usage .. "\n")
  print [[
Applies refinement rules to a snapshot and measures what they change against the true
identities, in about a second.

  SNAPSHOT     RUN/snapshots/epoch-NNN.safetensors, or a run folder for its newest.
               A run writes them with the option snapshot_every=N
  RULE         a name, or the path of your own file; default: all rules of calr. A rule
               may be named twice, with different options
  key=value    an option: for all rules before the first rule, for one rule after it.
               The others are those of the run. epoch=, epochs= and seed= replace the
               snapshot's (a rule's pace depends on the epoch)
  --by-camera  also measure each camera
  --outliers ignore
               leave outliers out; otherwise each counts as a cluster
  --trust      run the Lua files that the snapshot itself names (its run's own rule and
               pace); otherwise only those of the command line run
  --watch      measure again whenever a rule or a module that it requires changes; show a
               mistake in one and wait until it is mended. Ctrl-C ends it
  --threads N  number of threads
  --md --csv --json
               Markdown, CSV (RFC 4180, all digits), JSON
  -o FILE      write to a file; its extension sets the default format

rules:]]
  local names, summaries = refine.names()
  for _, name in ipairs(names) do print(("  %-12s %s"):format(name, summaries[name])) end
  print(("  %-12s %s"):format("recorded", "what the run's own rule did, as the snapshot recorded it"))
  return 0
end

local formats = { markdown = "--md", csv = "--csv", json = "--json" }
local endings = { md = "markdown", csv = "csv", json = "json", txt = "terminal" }

local function format_of(fields)
  local chosen
  for format, flag in pairs(formats) do
    if fields[format] then
      if chosen then errors.usage("%s and %s cannot be combined", formats[chosen], flag) end
      chosen = format
    end
  end
  return chosen or fields.file and endings[fields.file:match "%.(%w+)$"] or "terminal"
end

local function check_rule(name)
  if name:find("/", 1, true) or name:match "%.lua$" then return end
  local names = refine.names()
  names[#names + 1] = "recorded"
  for _, known in ipairs(names) do
    if known == name then return end
  end
  local near = sys.exists(name .. ".lua") and name .. ".lua" or sys.nearest(name, names)
  errors.usage("there is no refinement rule \"%s\"%s; there are: %s, or give the path of your own file", name,
    near and (" (did you mean %s?)"):format(near) or "", table.concat(names, ", "))
end

-- The rules in order with their own options, and the options of all.
local function read_rules(words, own)
  local rules, common = {}, {}
  for i = 2, #words do
    local word = words[i]
    if word:find("=", 1, true) and not sys.exists(word) then
      local name, value = options.parse(word)
      local to = #rules > 0 and rules[#rules].own or common
      if to[name] ~= nil then errors.usage("%s is given twice", name) end
      to[name] = value
    else
      check_rule(word)
      rules[#rules + 1] = { name = word, own = {} }
    end
  end
  if #rules == 0 then
    for i, name in ipairs((refine.names())) do rules[i] = { name = name, own = {} } end
    rules[1].name, rules[1].optional = "recorded", true -- instead of none, which is the first row anyway
    if own then rules[#rules + 1] = { name = own, own = {} } end
  end
  return rules, common
end

-- The options of one rule: its own over those of all.
local function given_of(rule, common)
  local given = {}
  for name, value in pairs(common) do given[name] = value end
  for name, value in pairs(rule.own) do given[name] = value end
  return given
end

local function said_by(message, rule)
  if message:find "^[^\n]-%.lua:%d+: " and message:sub(1, #sys.paths.lua) ~= sys.paths.lua then return message end
  return ("rule %s: %s"):format(rule.name, message)
end

local function try(bench, rule, common)
  if rule.name ~= "recorded" then return bench:try(rule.name, given_of(rule, common)) end
  return bench:recorded() or error("the snapshot has no labels refined by a rule of the run", 0)
end

-- Runs all rules. Returns results, and the messages of those that failed.
local function try_all(bench, rules, common)
  local results, messages, looked = {}, {}, {}
  for _, rule in ipairs(rules) do
    if rule.optional and not bench.snapshot.refined then goto next end
    local ok, result = xpcall(try, traceback.describe, bench, rule, common)
    if ok then
      result.changed = rule.own
      results[#results + 1] = result
      local used = {}
      for _, name in ipairs(result.used) do used[name], looked[name] = true, true end
      for name in pairs(rule.own) do
        if not used[name] then messages[#messages + 1] = { rule = rule, unused = name, used = result.used } end
      end
    elseif type(result) == "string" then
      messages[#messages + 1] = said_by(result, rule)
    else
      error(result, 0)
    end
    ::next::
  end
  if #messages == 0 then
    for name in pairs(common) do
      if not looked[name] then messages[#messages + 1] = { unused = name, looked = looked } end
    end
  end
  return results, messages
end

-- An option that no rule reads is misspelt.
local function complain(item)
  local names = item.used or {}
  for name in pairs(item.looked or {}) do names[#names + 1] = name end
  table.sort(names)
  return ("%s reads the option \"%s\"%s; %s"):format(
    item.rule and "rule " .. item.rule.name .. " never" or "no rule", item.unused,
    suggest(item.unused, names),
    #names > 0 and "options read: " .. table.concat(names, ", ") or "no option was read")
end

local function write(fields, content)
  if fields.file then
    sys.write_file(fields.file, content)
  else
    io.write(text.visible_lines(content))
    io.stdout:flush()
  end
end

-- One round. Returns the exit status: 2 where only options are misspelt, 1 where a rule failed.
local function round(fields, rules, common)
  local bench = workbench.open(fields.snapshot, { outliers = fields.outliers, trust = fields.trust })
  local results, messages = try_all(bench, rules, common)
  local status = #messages > 0 and 2 or 0
  for i, message in ipairs(messages) do
    if type(message) == "table" then messages[i] = complain(message) else status = 1 end
  end
  if #results > 0 then
    write(fields, tables.render({ bench = bench, results = results, plain = bench:measure(bench.snapshot.global),
      by_camera = fields.by_camera }, fields.format))
  end
  for _, message in ipairs(messages) do io.stderr:write("calr: ", text.visible_lines(message), "\n") end
  return status
end

local function is_path(value)
  return type(value) == "string" and (value:find("/", 1, true) or value:match "%.lua$")
end

local function follow(fields, rules, common)
  local files = watch.files()
  if is_path(common.pace) then files:add(common.pace) end
  for _, rule in ipairs(rules) do
    if is_path(rule.name) then files:add(rule.name) end
    if is_path(rule.own.pace) then files:add(rule.own.pace) end
  end
  files:add(sys.is_folder(fields.snapshot) and fields.snapshot .. "/snapshots" or fields.snapshot)
  while true do
    if sys.is_terminal(1) and not fields.file then io.write "\27[H\27[2J\27[3J" end
    local ok, problem = files:call(round, fields, rules, common)
    if not ok then
      if sys.is_interrupt(problem) then error(problem, 0) end
      io.stderr:write("calr: ", text.visible_lines(tostring(problem)), "\n")
    end
    io.stderr:write(text.paint("dim", "waiting for a change; Ctrl-C ends", 2), "\n")
    local changed
    repeat
      sys.sleep(0.2)
      changed = files:changed()
    until changed
    io.stderr:write(("%s has changed\n"):format(text.visible(changed)))
  end
end

--- calr.program.command.refine.run(args)
--- @return integer  exit status; 1 when a rule failed, 2 when none reads an option
function command.run(args)
  local fields, words = arguments.parse(args, { usage = command.usage,
    flags = { ["--by-camera"] = "by_camera", ["--watch"] = "watch", ["--md"] = "markdown", ["--csv"] = "csv",
      ["--json"] = "json", ["--trust"] = "trust", ["--help"] = "help", ["-h"] = "help" },
    values = { ["--outliers"] = "outliers", ["-o"] = "file", ["--threads"] = "threads" } })
  if fields.help then return help() end
  fields.snapshot = words[1] or errors.usage("which snapshot? usage: %s", command.usage)
  if fields.outliers and fields.outliers ~= "ignore" and fields.outliers ~= "singletons" then
    errors.usage("--outliers must be singletons or ignore, not \"%s\"", fields.outliers)
  end
  arguments.choose_threads(fields)
  fields.format = format_of(fields)
  local own = not words[2] and workbench.open(fields.snapshot).files.refine -- without words all rules are tried
  if own and not fields.trust then
    io.stderr:write(("calr: note: the run's own rule is the file %s. A snapshot runs no code: name the file, or add "
      .. "--trust\n"):format(own))
  end
  local rules, common = read_rules(words, fields.trust and own)
  if fields.watch then return follow(fields, rules, common) end
  return round(fields, rules, common)
end

return command
