--- @module calr.program.command.study
--- calr study SCRIPT.lua: runs or continues a study.

local arguments = require "calr.program.arguments"
local errors = require "calr.errors"

local study = {
  summary = "run or continue an ablation or a hyper-parameter search",
  usage = "calr study SCRIPT.lua [key=value ...] [--out DIR] [--workers N] [--threads N] [--seeds 1,2,3] [--dry-run] "
    .. "[--retry-failed] [--fail-fast] [--trial KEY] [--quiet]",
  own_help = true,
}

local help = [[
Runs the unfinished trials of a study and prints its tables. Run it again to continue.

  key=value        changes the base of the study (or an option of its script if that calls calr.config)
  --out DIR        the folder of the record; default: studies/NAME
  --workers N      number of worker processes, which share the cores; 0: write the record, run nothing, and let workers
                   join (calr work DIR, calr submit DIR)
  --threads N      threads of each worker; default: all cores, divided between the workers
  --seeds 1,2,3    use these seeds instead of the script's
  --dry-run        list what would run, its cost as estimated from finished trials, and the smallest p-value that this
                   number of seeds allows; rule files, data and weights that are missing are named (status 1)
  --retry-failed   run failed trials again
  --fail-fast      stop at the first trial that fails
  --trial KEY      rerun one trial outside the record and compare its result with the recorded one
  --patience S     seconds without a sign of life before a worker on another machine counts as dead (60)]]

local function seeds_of(text)
  local list = {}
  for word in (text .. ","):gmatch "([^,]*)," do
    local first, last = word:match "^%s*(%d+)%s*%.%.%s*(%d+)%s*$"
    first = tonumber(first or word:match "^%s*(%d+)%s*$")
    if not first then errors.usage("--seeds takes whole numbers with commas, or 1..6, not \"%s\"", text) end
    for seed = first, tonumber(last or first) do list[#list + 1] = seed end
    if #list > 100000 then errors.usage("--seeds %s is too many seeds", text) end
  end
  if #list == 0 then errors.usage("--seeds %s names no seed: the first of a range is the smaller one", text) end
  return list
end

--- calr.program.command.study.run(args)
--- @return integer  exit status
function study.run(args)
  local fields, words = arguments.parse(args, { usage = study.usage,
    flags = { ["--dry-run"] = "dry_run", ["--retry-failed"] = "retry_failed", ["--fail-fast"] = "fail_fast",
      ["--quiet"] = "quiet", ["--help"] = "help", ["-h"] = "help" },
    values = { ["--out"] = "out", ["--workers"] = "workers", ["--threads"] = "threads", ["--seeds"] = "seeds",
      ["--trial"] = "trial", ["--patience"] = "patience" } })
  if fields.help and #words == 0 then
    print("usage: " .. study.usage .. "\n\n" .. help)
    return 0
  end
  local script = table.remove(words, 1)
  if not script then errors.usage("which script? usage: %s", study.usage) end
  for _, word in ipairs(words) do
    if not word:find("=", 1, true) then
      errors.usage("\"%s\" is not of the form key=value; usage: %s", word, study.usage)
    end
  end
  arguments.check_once(words)
  local mode = { kind = fields.dry_run and "dry-run" or fields.trial and "trial" or "run", out = fields.out,
    workers = arguments.integer(fields, "workers", "--workers", 0, 1024),
    threads = arguments.integer(fields, "threads", "--threads", 1, 1024),
    patience = arguments.integer(fields, "patience", "--patience", 1, 1000000),
    seeds = fields.seeds and seeds_of(fields.seeds), trial = fields.trial, retry_failed = fields.retry_failed,
    fail_fast = fields.fail_fast }
  return require("calr.program.command.run").execute { script = script, overrides = words, quiet = fields.quiet,
    help = fields.help, threads = (mode.workers or 1) == 1 and fields.threads or nil, study = mode }
end

return study
