--- @module calr.program.resume
--- calr run --resume DIR: the script and its settings come from the record.

local errors = require "calr.errors"
local folder = require "calr.run.folder"
local identity = require "calr.run.identity"
local sys = require "calr.sys"
local trust = require "calr.program.trust"

local resume = {}

-- Whether the command line gives a run more epochs than it had.
local function more_epochs(record, overrides)
  local had = math.tointeger((record.config or {}).epochs)
  for _, word in ipairs(overrides or {}) do
    local wanted = math.tointeger(tonumber(word:match "^epochs=(.*)$"))
    if had and wanted then return wanted > had end
  end
  return false
end

-- Relative paths of the configuration are relative to the folder where the run began.
local function return_to(start, fields)
  if not start or start == sys.current_folder() then return end
  fields.resume, fields.script = sys.absolute(fields.resume), sys.absolute(fields.script)
  if sys.is_folder(start) then
    sys.change_folder(start)
  else
    io.stderr:write("calr: note: the folder where the run began is gone: ", start, "\n")
  end
end

--- calr.program.resume.prepare(fields)
--- Fills in the run's fields from its folder and refuses what contradicts the command line.
--- @param fields  as calr.program.command.run.execute takes them; `resume` is the run folder, `trust` says that its
---                script may run whatever its origin
function resume.prepare(fields)
  local path = fields.resume
  if fields.out then errors.usage("--out and --resume cannot be combined: a resumed run stays in its folder") end
  if fields.code then errors.usage("-e and --resume cannot be combined") end
  trust.check_links(path)
  local record = folder.read(path)
  if record.status == "finished" and not more_epochs(record, fields.overrides) then
    folder.refuse_finished(path, record)
  elseif record.status == "running" then
    errors.usage("the run in %s is still running", path)
  end
  local script = record.script or {}
  fields.script = fields.script or script.path
  if not fields.script then errors.usage("%s has no record of its script, so it cannot be resumed", path) end
  trust.check(path, fields.script, { trust = fields.trust, script = fields.script ~= script.path })
  if not sys.exists(fields.script) then errors.usage("the run's script is gone: %s", fields.script) end
  if identity.script(fields.script).hash ~= script.hash then
    errors.usage("%s cannot be resumed: %s has changed since the run began; start a new run", path,
      fields.script)
  end
  local threads = math.tointeger(tonumber(fields.threads or record.threads))
  if fields.threads and threads ~= record.threads then
    errors.usage("--threads %s contradicts the resumed run, which has %d threads: the number of threads changes the "
      .. "last bits", fields.threads, record.threads)
  end
  fields.threads = tostring(record.threads)
  local model = record.model or {}
  if model.option ~= nil then record.config.network = model.option end -- of which the script builds its own network
  fields.record = record
  return_to(record.folder, fields)
end

return resume
