--- @module calr.lab.study.script
--- Trials that are runs of a script: `calr.study "name" { script = "calr.lua", ... }`.

local errors = require "calr.errors"
local config = require "calr.config"
local context = require "calr.context"
local folder = require "calr.run.folder"
local identity = require "calr.run.identity"
local json = require "calr.json"
local sys = require "calr.sys"
local sorted_keys = require "calr.tables".sorted_keys

local script = {}

local captured = {} -- error value: the script has declared its options

--- calr.lab.study.script.find(name)
--- Finds the script of a study: beside the study's own script, in the current folder, or among calr's experiments.
--- @return string  its absolute path
function script.find(name)
  local own = context.current().script
  local beside = own and own:match "^(.*)/[^/]*$"
  for _, path in ipairs { beside and beside .. "/" .. name or name, name, sys.paths.experiments .. "/" .. name } do
    if sys.exists(path) and not sys.is_folder(path) then return sys.absolute(path) end
  end
  errors.usage("there is no script %s: not beside the study, not in the current folder, not in %s", name,
    sys.paths.experiments)
end

local function load_script(path)
  local chunk, message = loadfile(path, "t")
  if not chunk then errors.fail("%s", message) end
  return chunk
end

--- calr.lab.study.script.options(path)
--- Returns the defaults that a script passes to calr.config; the script runs up to that call.
--- @return table
function script.options(path)
  local chunk, defaults = load_script(path), nil
  local aside = context.new { script = path, quiet = true }
  aside:on("options", function(given)
    defaults = given
    error(captured, 0)
  end)
  local ok, problem = pcall(context.with, aside, chunk)
  if defaults then return defaults end
  if not ok and problem ~= captured then error(problem, 0) end
  errors.usage("%s has no options (it does not call calr.config); a study cannot change anything in it", path)
end

-- Copies an earlier attempt's run; a worker thought dead may still be writing to it.
local function copy_run(from, to)
  local function copy(name)
    local ok, text = pcall(sys.read_file, from .. "/" .. name)
    if ok then sys.write_file(to .. "/" .. name, text) end
  end
  sys.make_folder(to .. "/checkpoints")
  for _, name in ipairs(sys.is_folder(from .. "/checkpoints") and sys.list(from .. "/checkpoints") or {}) do
    if name:match "%.safetensors$" then copy("checkpoints/" .. name) end
  end
  for _, name in ipairs { "start.safetensors", "metrics.jsonl", "timing.jsonl", "log.txt", "run.json" } do
    copy(name)
  end
end

-- Why a run cannot be resumed here, or nil.
local function obstacle(record, path)
  if record.status == "finished" then return "it was finished" end
  if record.threads ~= sys.threads() then return ("it ran on %s threads"):format(tostring(record.threads)) end
  if (record.script or {}).hash ~= (path and sys.hash_file(path)) then return "the script's text has changed" end
  for file, hash in pairs(record.files or {}) do
    if identity.is_code(file) and (not sys.exists(file) or sys.hash_file(file) ~= hash) then
      return file .. " has changed"
    end
  end
end

-- The run of an earlier attempt, if it can be resumed.
local function resumable(store, trial, path)
  local attempt = trial.attempt
  while attempt > 1 do
    local previous, number = store:previous(trial.key, attempt)
    if not previous then return nil end
    local run = previous .. "/run"
    if sys.exists(run .. "/run.json") and folder.newest_file(run) then
      local ok, record = pcall(function() return json.decode(sys.read_file(run .. "/run.json"), run) end)
      local why = ok and obstacle(record, path) or not ok and "its run.json cannot be read" or nil
      if not why then return run end
      trial:log("attempt %d is not resumed: %s", number or attempt - 1, why)
    end
    attempt = number or attempt - 1
  end
end

--- calr.lab.study.script.context_fields(store, trial, path)
--- Says where runs inside a trial go: into the trial's folder; a run of an earlier attempt is resumed.
--- @param path    the script of the trials, or nil
--- @return table  `script`, and `out`, or `resume` and `record`; see calr.context
function script.context_fields(store, trial, path)
  local from = trial.attempt > 1 and resumable(store, trial, path)
  local out = ("%s/trials/%s/%d/run"):format(store.dir, trial.key, trial.attempt)
  if not from then return { script = path, out = out } end
  copy_run(from, out)
  return { script = path, resume = out, record = json.decode(sys.read_file(out .. "/run.json"), out) }
end

--- calr.lab.study.script.words(values, seed)
--- Returns a configuration as words of a command line, sorted.
--- @return table  list of "key=value"
function script.words(values, seed)
  local words = {}
  for i, name in ipairs(sorted_keys(values)) do words[i] = name .. "=" .. config.format(values[name]) end
  if seed then words[#words + 1] = ("seed=%d"):format(seed) end
  return words
end

--- calr.lab.study.script.runner(path)
--- Returns the function of the trials of a study with a script.
--- @return function
function script.runner(path)
  return function(_)
    load_script(path)()
  end
end

return script
