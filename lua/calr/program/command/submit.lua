--- @module calr.program.command.submit
--- calr submit DIR --slurm: submits workers of a study as cluster jobs.

local arguments = require "calr.program.arguments"
local errors = require "calr.errors"
local quote = require("calr.text").quote
local slurm = require "calr.lab.study.slurm"
local stores = require "calr.lab.study.record"
local sys = require "calr.sys"
local trust = require "calr.program.trust"

local submit = {
  summary = "submit workers of a study to a cluster (Slurm)",
  usage = "calr submit DIR --slurm [-n N] [--threads N] [--time T] [--partition P] [--mem M] [--account A] "
    .. "[--signal SECONDS] [--trust] [--dry-run] [-- arguments for sbatch]",
  own_help = true,
}

local flags = { ["--slurm"] = "slurm", ["--trust"] = "trust", ["--dry-run"] = "dry_run", ["--help"] = "help",
  ["-h"] = "help" }
local values = { ["-n"] = "workers", ["--threads"] = "threads", ["--time"] = "time", ["--partition"] = "partition",
  ["--mem"] = "mem", ["--account"] = "account", ["--signal"] = "signal" }

local function print_help()
  print("usage: " .. submit.usage .. "\n")
  print [[
Writes DIR/slurm/submit-N.sh, a Slurm job array of workers (`calr work DIR`), and submits
it. DIR is the study's folder; all machines must see it under this name. A worker that is
warned of its end runs on to its next checkpoint; its task is then queued again until
nothing is left to do.

  --slurm            the cluster runs Slurm (no other kind is supported)
  -n N               number of workers (1)
  --threads N        threads and processors of each worker (1)
  --time T           time limit of a task, e.g. 4:00:00; the next task continues
  --partition P, --mem M, --account A
                     passed to sbatch; default: the cluster's
  --signal SECONDS   warning time before a task's end (300): longer than the time between
                     checkpoints; Slurm may send it up to a minute early
  --trust            run the study's script even if it lies in the study's folder or the
                     folder belongs to another user
  --dry-run          print the script, submit nothing
  -- ...             further arguments for sbatch, e.g. -- --constraint=avx512

Logs are written to DIR/slurm/JOB_TASK.log.]]
  return 0
end

local function read_options(fields, words)
  local folder = words[1] or errors.usage("which study? usage: %s", submit.usage)
  if not fields.slurm then errors.usage("which kind of cluster? --slurm is the only one") end
  local header = stores.read_header(folder)
  folder = sys.absolute(folder)
  if (header.script or {}).path then trust.check(folder, header.script.path, { trust = fields.trust }) end
  return {
    trust = fields.trust,
    folder = folder,
    name = header.name,
    path = slurm.path(folder),
    workers = arguments.integer(fields, "workers", "-n", 1, 1000000) or 1,
    threads = arguments.integer(fields, "threads", "--threads", 1, 1024) or 1,
    signal = arguments.integer(fields, "signal", "--signal", 1, 65535) or 300,
    time = fields.time, partition = fields.partition, mem = fields.mem, account = fields.account,
    extra = words.rest,
  }
end

local function plural(count, word)
  return ("%d %s%s"):format(count, word, count == 1 and "" or "s")
end

--- calr.program.command.submit.run(args)
--- @return integer  exit status
function submit.run(args)
  local fields, words = arguments.parse(args, { usage = submit.usage, at_most = 1, flags = flags, values = values })
  if fields.help then return print_help() end
  local options = read_options(fields, words)
  local script = slurm.script(options)
  if fields.dry_run then
    io.write(script)
    return 0
  end
  if not slurm.available() then
    errors.usage("there is no sbatch on the PATH: run this on a machine of the cluster; "
      .. "calr submit ... --dry-run prints the script")
  end
  local ok, problem = pcall(function()
    sys.make_folder(options.folder .. "/slurm")
    sys.write_file(options.path, script)
  end)
  if not ok then errors.fail("the script cannot be written: %s", tostring(problem)) end
  local job, said = slurm.submit(options.path)
  if not job then
    errors.fail("sbatch refused %s:\n%s", options.path, said ~= "" and said or "(it said nothing)")
  end
  if said ~= job then io.stderr:write(said, "\n") end -- warnings, or the cluster's name
  print(("job %s: %s of %s (%s)"):format(job, plural(options.workers, "worker"), plural(options.threads, "thread"),
    options.path))
  print(("watch   calr watch %s; logs %s"):format(quote(options.folder), quote(options.folder .. "/slurm")))
  print(("cancel  scancel %s"):format(job))
  return 0
end

return submit
