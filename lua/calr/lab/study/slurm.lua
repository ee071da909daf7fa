--- @module calr.lab.study.slurm
--- Runs workers of a study on a Slurm cluster: writes the batch script and submits it.
---
--- Each task of a job array is a worker. Before Slurm takes a machine back (time limit, preemption), it warns the
--- script, which passes the warning on. The worker runs on to its next checkpoint and leaves, and the script asks Slurm
--- to queue the task again. A worker that left because nothing was left to do is not queued again.

local errors = require "calr.errors"
local quote = require("calr.text").quote
local sys = require "calr.sys"

local slurm = {}

-- Quotes a value on an #SBATCH line: Slurm understands quotes and backslashes, and takes # for a comment.
local function directive(value)
  if value:match "^[%w_./:=,+%%@*-]+$" then return value end
  if value:find "[\r\n]" then errors.usage("\"%s\" contains a line break, which Slurm cannot read", value) end
  return "\"" .. value:gsub("[\\\"]", "\\%0") .. "\""
end

-- In the path of the log Slurm expands %A and the like, and backslashes change how it is read. For folders with such
-- names the script redirects its output to the log itself.
local function log_directive(logs)
  return not logs:find "[%%\\\r\n]" and directive(logs .. "/%A_%a.log") or nil
end

local function lines_of(options)
  local list = {}
  local function add(option, value, comment)
    if value then
      local line = ("#SBATCH --%s%s"):format(option, value ~= true and "=" .. directive(tostring(value)) or "")
      list[#list + 1] = comment and ("%-40s # %s"):format(line, comment) or line
    end
  end
  add("job-name", "calr-" .. options.name:gsub("[^%w._-]", "_"))
  add("array", "1-" .. options.workers, "one task for each worker")
  add("ntasks", 1)
  add("cpus-per-task", options.threads, "the threads of a worker")
  add("time", options.time)
  add("partition", options.partition)
  add("mem", options.mem)
  add("account", options.account)
  add("signal", "B:USR1@" .. options.signal, "seconds of warning before the end")
  add("requeue", true, "the task may be started again; then")
  add("open-mode", "append", "its log is continued")
  local log = log_directive(options.logs)
  list[#list + 1] = "#SBATCH --output=" .. (log or "/dev/null")
  if #options.extra > 0 then
    local words = {}
    for i, word in ipairs(options.extra) do words[i] = directive(word) end
    list[#list + 1] = "#SBATCH " .. table.concat(words, " ")
  end
  return table.concat(list, "\n"), log ~= nil
end

-- Follows the #SBATCH lines and the settings. Lua patterns do not matter here: nothing is replaced.
local body = [=[
job=$SLURM_JOB_ID
if [ -n "${SLURM_ARRAY_TASK_ID:-}" ]; then job=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID; fi
say() { printf '%s  %s\n' "$(date '+%Y-%m-%d %H:%M:%S')" "$*"; }

# USR1: Slurm warns that this task ends soon. TERM sent to this script alone means the same. The worker is told by
# USR1 and runs on to its next checkpoint. (scancel sends TERM to the worker too, which then stops at once.)
warned='' worker='' cut=''
# shellcheck disable=SC2317 # it is called by trap
warn() {
    if [ -z "$warned" ]; then
        warned=$SECONDS
        say "warned: the worker runs on to its next checkpoint, for at most $grace seconds"
    fi
    if [ -n "$worker" ]; then kill -USR1 "$worker" 2>/dev/null; fi
}

trap warn USR1 TERM

say "worker ${SLURM_ARRAY_TASK_ID:-1} of job $job on $HOSTNAME, start $((${SLURM_RESTART_COUNT:-0} + 1))"
trap '' USR1 # the worker inherits this: an early warning does not kill it
# shellcheck disable=SC2086 # $trust is one word or none
"$program" work "$study" --threads "${SLURM_CPUS_PER_TASK:-1}" $trust &
worker=$!
trap warn USR1

while kill -0 "$worker" 2>/dev/null; do
    if [ -z "$cut" ] && [ -n "$warned" ] && [ $((SECONDS - warned)) -ge "$grace" ]; then
        cut=yes
        say "no checkpoint in $grace seconds: the worker stops where it is"
        kill -TERM "$worker" 2>/dev/null
    elif [ -n "$warned" ]; then
        kill -USR1 "$worker" 2>/dev/null # again, in case the first came too early
    fi
    sleep 1 & # in the background: a shell handles no signal while it waits for a command
    wait $!
done
wait "$worker"
status=$?

# 75: the worker left because it was warned, and there is more to do.
if [ "$status" -ne 75 ] && [ -z "$cut" ]; then
    say "the worker ended with status $status"
    exit "$status"
fi
if [ "${SLURM_RESTART_COUNT:-0}" -ge "$most_restarts" ]; then
    say "started $most_restarts times already; giving up"
    exit 1
fi
state=$(squeue --noheader --jobs="$job" --format=%T)
if [ "$state" != RUNNING ]; then # cancelled, or Slurm queues it again by itself
    say "the task is ${state:-gone}: it is not queued again by this script"
    exit 0
fi
say "queued again, to resume from the checkpoint"
trap '' USR1 TERM # it ends this script
scontrol requeue "$job" && exit 0
say "Slurm did not queue the task again; calr submit starts new workers"
exit 1
]=]

--- calr.lab.study.slurm.script(options)
--- Returns the batch script.
--- @param folder     the study's, as an absolute path
--- @param name       of the study
--- @param path       where the script will be
--- @param workers    how many
--- @param threads    of each
--- @param time, partition, mem, account  passed to sbatch; nil: the cluster's defaults
--- @param trust      workers run the study's script whatever its origin (calr work --trust)
--- @param signal     seconds of warning before the end
--- @param extra      list of further arguments for sbatch
--- @return string
function slurm.script(options)
  options = setmetatable({ logs = options.folder .. "/slurm", extra = options.extra or {} }, { __index = options })
  local directives, logged = lines_of(options)
  local home = os.getenv "CALR_HOME"
  local head = {
    "#!/bin/bash",
    "# Workers of the study in the folder below, as tasks of a Slurm job array. Written by `calr submit`. To submit",
    "# it again (workers may join and leave at any time):",
    "#",
    "#     sbatch " .. quote(options.path):gsub("[\r\n]", "?"),
    "#",
    directives,
    "",
    "program=" .. quote(sys.paths.executable),
    "study=" .. quote(options.folder),
    "trust=" .. (options.trust and "--trust" or "''"),
    ("grace=%d # seconds from the warning until the worker must leave; the rest is for requeueing")
      :format(math.max(1, options.signal * 3 // 4)),
    "most_restarts=100 # of a task: a trial longer than the time limit, without checkpoints, would never end",
  }
  if home then table.insert(head, "export CALR_HOME=" .. quote(home)) end
  if not logged then
    head[#head + 1] = "# (Slurm cannot write a log into a folder of this name.)"
    head[#head + 1] = "exec >>\"$study/slurm/${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}_${SLURM_ARRAY_TASK_ID:-1}.log\" 2>&1"
  end
  return table.concat(head, "\n") .. "\n\n" .. body
end

--- calr.lab.study.slurm.path(folder)
--- Returns a path for the next batch script of a study: FOLDER/slurm/submit-N.sh.
--- @return string
function slurm.path(folder)
  local last = 0
  for _, name in ipairs(sys.is_folder(folder .. "/slurm") and sys.list(folder .. "/slurm") or {}) do
    last = math.max(last, math.tointeger(tonumber(name:match "^submit%-(%d+)%.sh$")) or 0)
  end
  return ("%s/slurm/submit-%d.sh"):format(folder, last + 1)
end

--- calr.lab.study.slurm.available()
--- @return boolean  whether sbatch is on the PATH
function slurm.available()
  return (os.execute "command -v sbatch >/dev/null 2>&1") == true
end

--- calr.lab.study.slurm.submit(path)
--- Passes a batch script to sbatch.
--- @return string|nil  the number of the job; nil when sbatch refused
--- @return string      what sbatch said
function slurm.submit(path)
  local pipe <close> = assert(io.popen("sbatch --parsable " .. quote(path) .. " 2>&1"))
  local said = pipe:read "a"
  local ok = pipe:close()
  said = said:gsub("%s+$", "")
  -- Warnings may precede the number, and the cluster's name may follow it.
  return ok and ("\n" .. said):match "\n(%d+)[^\n]*$" or nil, said
end

return slurm
