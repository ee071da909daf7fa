--- @module calr.program.command.run
--- calr run SCRIPT.lua [key=value ...]: runs a script.

local arguments = require "calr.program.arguments"
local context = require "calr.context"
local errors = require "calr.errors"
local sys = require "calr.sys"
local traceback = require "calr.traceback"

local run = {
  summary = "run a script, with options key=value",
  usage = "calr run SCRIPT.lua [key=value ...] [--out DIR] [--resume DIR [--trust]] [--threads N] "
    .. "[--quiet] [--dry-run] [--profile [FILE.json]]",
  own_help = true,
}

local flags = { ["--quiet"] = "quiet", ["--dry-run"] = "dry_run", ["--trust"] = "trust", ["--help"] = "help",
  ["-h"] = "help", ["--profile"] = "profile" }
local valued = { ["--profile-file"] = "profile_file", ["--out"] = "out", ["--resume"] = "resume",
  ["--threads"] = "threads", ["-e"] = "code" }

local function hint(word)
  local option = word:match "^%-%-(%a[%w_.]*)"
  return option and ("; the script's own options have no dashes: %s=VALUE"):format(option)
end

-- The file behind --profile is optional: a word that ends in .json, which no script and no option of one does.
local function name_profile_file(args)
  local words = {}
  for i, word in ipairs(args) do
    local before, file = args[i - 1], word:match "^%-%-profile=(.*)$"
    if before == "--profile" and word:match "%.json$" then
      words[#words + 1] = "--profile-file=" .. word
    elseif file then
      table.move({ "--profile", "--profile-file=" .. file }, 1, 2, #words + 1, words)
    else
      words[#words + 1] = word
    end
  end
  return words
end

local function parse(args)
  args = name_profile_file(args)
  local fields, words = arguments.parse(args, { flags = flags, values = valued, usage = run.usage, hint = hint })
  table.move(words.rest or {}, 1, #(words.rest or {}), #words + 1, words)
  fields.overrides = {}
  for _, word in ipairs(words) do
    if not fields.script and not fields.code and (not word:find("=", 1, true) or sys.exists(word)) then
      fields.script = word
    elseif word:find("=", 1, true) then
      table.insert(fields.overrides, word)
    else
      errors.usage("\"%s\" is not of the form key=value; usage: %s", word, run.usage)
    end
  end
  arguments.check_once(fields.overrides)
  return fields
end

local function load_script(fields)
  if fields.code then return load(fields.code, "=(-e)", "t") end
  if fields.script == "-" then return load(io.read "a", "=stdin", "t") end
  if sys.is_folder(fields.script) then errors.usage("%s is a folder, not a script", fields.script) end
  if not sys.exists(fields.script) then errors.usage("there is no script %s", fields.script) end
  return loadfile(fields.script, "t")
end

local function set_threads(text)
  local count = math.tointeger(tonumber(text))
  if not count or count < 1 or count > 1024 then errors.usage("--threads must be 1 to 1024; \"%s\" is not", text) end
  sys.threads(count)
end

local function set_arg(fields)
  local list = { [0] = fields.script or fields.code }
  table.move(fields.overrides, 1, #fields.overrides, 1, list)
  arg = list -- luacheck: globals arg
end

-- The context of the script: what it is given, and what people are told when it asks for options or is stopped.
local function context_of(fields)
  local made = context.new { script = fields.script, overrides = fields.overrides, out = fields.out,
    resume = fields.resume, record = fields.record, quiet = fields.quiet, expected = fields.expected }
  if fields.help then
    fields.about = require("calr.program.help").about(fields.script)
    local function show(defaults)
      require("calr.program.help").script(fields.script, fields.about, defaults, fields.overrides)
      errors.exit(0)
    end
    made:on("options", show)
    require("calr.lab.study.current").ask(made, { kind = "help", show = show }) -- nothing of a study may run
  end
  if fields.dry_run then
    made:on("options", function(defaults)
      errors.exit(require("calr.program.dry_run")(defaults, fields))
    end)
  end
  made:on("stop", function(stopped, problem)
    if not sys.exists(stopped.path .. "/run.json") then return end
    if sys.is_interrupt(problem) then
      io.stderr:write("calr: to continue: calr run --resume ", stopped.path, "\n")
    elseif stopped:resumable() then -- a changed script or rule cannot resume it
      io.stderr:write("calr: if the cause is outside the script and its files (memory, disk), continue with: calr run "
        .. "--resume ", stopped.path, "; after a change in them start a new run\n")
    end
  end)
  if fields.study and not fields.help then require("calr.lab.study.current").ask(made, fields.study) end
  return made
end

-- Without options there is nothing to check, and what --dry-run starts would run to its end.
local function check_has_options(fields)
  local source = fields.code or fields.script ~= "-" and sys.read_file(fields.script) or ""
  if source:find("config", 1, true) then return end
  errors.usage("%s has no options (no calr.config), so that --dry-run has nothing to check",
    fields.code and "the code of -e" or fields.script == "-" and "a script from standard input" or fields.script)
end

-- A script that never called calr.config has no use for --help and key=value.
local function explain_no_options(fields)
  if fields.help then
    require("calr.program.help").script(fields.script, fields.about)
  elseif #fields.overrides > 0 and not fields.code then
    errors.usage("the script has no options (no calr.config); %s had no effect", table.concat(fields.overrides, " "))
  end
end

--- calr.program.command.run.execute(fields)
--- Runs a script with the fields of a command line; ends the runs that it opened.
--- @param fields  `script` (a path, or "-") or `code`, `overrides`, `out`, `resume`, `record`, `quiet` and
---                `expected` as in calr.context, `help`, `threads` (as text), `profile`, `profile_file`, and `study`:
---                what to do with a study that the script declares (calr.lab.study.current)
--- @return integer  exit status; 1 when trials of a study failed
function run.execute(fields)
  if fields.threads then set_threads(fields.threads) end
  local chunk, message = load_script(fields)
  if not chunk then errors.fail("%s", message) end
  if fields.dry_run then check_has_options(fields) end
  if fields.study and not require("calr.lab.study.code").may_study(fields.script) then
    errors.usage("%s makes no study; calr run %s runs it", fields.script, fields.script)
  end
  local inside = context_of(fields)
  set_arg(fields)
  if fields.code then calr = require "calr" end -- luacheck: globals calr

  local with = fields.profile and require("calr.program.profile").around(fields) or context.with
  local ok, problem = xpcall(with, traceback.describe, inside, chunk, table.unpack(fields.overrides))
  if not ok then
    if type(problem) == "string" then errors.fail("%s", problem) end -- its traceback is already there
    error(problem, 0)
  end
  if fields.study and not require("calr.lab.study.current").answered(inside) then
    errors.usage("%s makes no study; calr run %s runs it", fields.script, fields.script)
  end
  if not inside.heard then explain_no_options(fields) end
  return inside.status
end

--- calr.program.command.run.run(args)
--- @return integer  exit status
function run.run(args)
  local fields = parse(args)
  if fields.trust and not fields.resume then
    errors.usage("--trust goes with --resume: it lets a run folder choose the script that runs")
  end
  if fields.resume then require("calr.program.resume").prepare(fields) end
  if not fields.script and not fields.code then
    if fields.help then
      print("usage: " .. run.usage .. "\n\n" .. run.summary)
      return 0
    end
    errors.usage("which script? usage: %s", run.usage)
  end
  return run.execute(fields)
end

return run
