--- @module calr.program.command.work
--- calr work DIR: joins a study as one more worker.

local arguments = require "calr.program.arguments"
local errors = require "calr.errors"
local stores = require "calr.lab.study.record"
local sys = require "calr.sys"
local trust = require "calr.program.trust"

local work = {
  summary = "join a study as one more worker, from any machine that sees its folder",
  usage = "calr work DIR [--threads N] [--script SCRIPT.lua] [--retry-failed] [--fail-fast] [--patience S] "
    .. "[--trust] [--quiet]",
}

--- calr.program.command.work.run(args)
--- Exits with 0 when nothing is left to do, with 75 when a SIGUSR1 announced that the machine will be taken away.
--- @return integer  exit status
function work.run(args)
  local fields, words = arguments.parse(args, { usage = work.usage, at_most = 1,
    flags = { ["--retry-failed"] = "retry_failed", ["--fail-fast"] = "fail_fast", ["--quiet"] = "quiet",
      ["--trust"] = "trust" },
    values = { ["--threads"] = "threads", ["--script"] = "script", ["--patience"] = "patience" } })
  local folder = words[1] or errors.usage("which study? usage: %s", work.usage)
  arguments.check_source(fields.script, "script")
  local header = stores.read_header(folder)
  folder = sys.absolute(folder)
  local script = fields.script and sys.absolute(fields.script) or (header.script or {}).path
  if not script then errors.usage("%s has no record of its script; name it with --script", folder) end
  trust.check(folder, script, fields)
  if not sys.exists(script) then
    errors.usage("the script of the study is not here: %s; name it with --script", script)
  end
  if header.folder and sys.is_folder(header.folder) then sys.change_folder(header.folder) end
  arguments.integer(fields, "threads", "--threads", 1, 1024)
  local mode = { kind = "work", out = folder, retry_failed = fields.retry_failed, fail_fast = fields.fail_fast,
    patience = arguments.integer(fields, "patience", "--patience", 1, 1000000),
    seeds = (stores.read_plan(folder) or header).seeds }
  local run = require "calr.program.command.run"
  return run.execute { script = script, overrides = header.arguments or {}, quiet = fields.quiet,
    threads = fields.threads, study = mode }
end

return work
