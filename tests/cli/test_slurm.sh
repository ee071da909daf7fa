# Workers of a study as tasks of a real Slurm: one node on this machine, started here, with its own ports, keys and
# files. Warned tasks leave at a checkpoint and come back; a cancelled one does not.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
PATH=$PATH:/usr/sbin:/sbin
[ "$(id -u)" -eq 0 ] || { echo "Slurm's daemons start jobs as their users: root only"; exit 77; }
for tool in munged slurmctld slurmd sbatch squeue scontrol scancel sinfo setpriv; do
    command -v $tool >/dev/null || { echo "there is no $tool (packages slurm-wlm and munge)"; exit 77; }
done

# Names of sockets are short.
slurm=$PWD/slurm
if [ ${#slurm} -gt 80 ]; then slurm=$(mktemp -d); fi
mkdir -p "$slurm/state" "$slurm/spool"
daemons=()

# processes NAME: those that work for this cluster (they know its folder), by a pattern of their names. Slurm's helpers
# are not our children.
processes() {
    local process name
    for process in /proc/[0-9]*; do
        read -r name <"$process/comm"
        # shellcheck disable=SC2254 # a pattern
        case $name in $1)
            tr '\0' '\n' <"$process/environ" | grep -qxF "SLURM_CONF=$slurm/slurm.conf" && echo "${process#/proc/}"
            ;;
        esac
    done 2>/dev/null
}
# When this script was killed, nothing stays.
watch() {
    local process
    while kill -0 $$; do sleep 1; done
    for process in $(processes '*'); do
        [ "$process" = $BASHPID ] || kill -KILL "$process"
    done
}
stop_all() {
    local at
    scancel --full --user=root >/dev/null 2>&1
    for ((at = 0; at < 50; at++)); do
        [ -n "$(squeue --noheader 2>/dev/null)" ] || break
        sleep .1
    done
    for ((at = ${#daemons[@]} - 1; at >= 0; at--)); do
        kill "${daemons[at]}" 2>/dev/null
        wait "${daemons[at]}" 2>/dev/null
    done
    for at in TERM KILL; do
        # shellcheck disable=SC2046 # words
        [ -z "$(processes 'slurm*')" ] || { sleep .5 && kill -$at $(processes 'slurm*') 2>/dev/null; }
    done
    case $slurm in "$PWD"/*) ;; *) rm -rf "$slurm" ;; esac
}
trap stop_all EXIT
trap 'exit 1' INT TERM HUP

# start COMMAND...: a daemon that goes when this script goes, however it goes.
start() {
    setpriv --pdeathsig TERM -- "$@" >"$slurm/$(basename "$1").out" 2>&1 &
    daemons+=($!)
}
# soon SECONDS COMMAND...: until it succeeds.
soon() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || return 1
        sleep .1
    done
}
# comes SECONDS COMMAND...: soon, as a check.
comes() {
    checks=$((checks + 1))
    soon "$@" && return
    status=-
    { squeue; tail -n 20 "$slurm"/slurm*.log st*/slurm/*.log; } >out.txt 2>&1
    fault "after $1 seconds still not: ${*:2}"
    finish
}

# ---- the cluster
host=$(hostname -s)
configure() {
    cat >"$slurm/slurm.conf" <<CONF
ClusterName=calr
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$1
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$slurm/munge.socket
CredType=cred/munge
StateSaveLocation=$slurm/state
SlurmdSpoolDir=$slurm/spool
SlurmctldPidFile=$slurm/slurmctld.pid
SlurmdPidFile=$slurm/slurmd.pid
SlurmctldLogFile=$slurm/slurmctld.log
SlurmdLogFile=$slurm/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
MailProg=/bin/true
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=0,bf_interval=1,sched_min_interval=10000
ReturnToService=2
KillWait=5
SlurmdParameters=config_overrides
NodeName=node NodeHostname=$host NodeAddr=127.0.0.1 Port=$2 CPUs=4 State=UNKNOWN
PartitionName=main Nodes=node Default=YES MaxTime=INFINITE State=UP
CONF
}
# Later versions want control groups unless told, and a container or chroot has none to give; earlier ones do not know
# the word.
version=$(slurmd -V | sed 's/[^0-9]*\([0-9]*\).*/\1/')
[ "$version" -lt 24 ] || echo CgroupPlugin=disabled >"$slurm/cgroup.conf"
export SLURM_CONF=$slurm/slurm.conf
(watch >/dev/null 2>&1 </dev/null &)
head -c 128 /dev/urandom >"$slurm/munge.key"
chmod 400 "$slurm/munge.key"
start munged --foreground --force --num-threads=2 --key-file="$slurm/munge.key" --socket="$slurm/munge.socket" \
    --pid-file="$slurm/munged.pid" --log-file="$slurm/munged.log" --seed-file="$slurm/munged.seed"
soon 10 test -S "$slurm/munge.socket" || { cat "$slurm/munged.out"; exit 1; }
taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
up=
for _ in 1 2 3 4 5; do
    port=$((20000 + RANDOM % 12000))
    if taken $port || taken $((port + 1)); then continue; fi
    configure $port $((port + 1))
    start slurmctld -D -c
    start slurmd -D -N node
    soon 20 sh -c 'sinfo --noheader --format=%T | grep -qx idle' && up=yes && break
    kill "${daemons[@]:1}" # somebody else took the port meanwhile
    wait "${daemons[@]:1}"
    daemons=("${daemons[0]}")
done
[ -n "$up" ] || { tail "$slurm"/*.log "$slurm"/*.out; exit 1; }

# ---- the studies: trials whose result tells whether every step was made, once and in order
cat >steps.lua <<'LUA'
local calr = require "calr"
local S = calr.study "steps" { goal = "max score", seeds = { 1, 2 }, base = { step = 3, steps = 10, pause = 0.0 } }
S:grid { step = { 3, 5, 7 } }
S:run(function(trial)
  local c = trial.config
  local state = trial:restore() or { at = 0, x = trial.seed }
  for at = state.at + 1, c.steps do
    state.x = (state.x * 31 + c.step * at) % 1000003
    calr.sys.sleep(tonumber(os.getenv "PAUSE" or "0"))
    trial:report(at, { score = state.x })
    state.at = at
    trial:checkpoint(state)
  end
  return { score = state.x }
end)
LUA
cat >results.lua <<'LUA'
local view = require("calr.lab.study.view").read(os.getenv "FOLDER")
for _, trial in ipairs(view.trials) do print(trial.key, trial.state, trial.metrics.score) end
LUA
expect 0 "$CALR" study steps.lua --out whole --quiet
expect 0 env FOLDER=whole "$CALR" results.lua
cp out.txt whole.txt
holds "$(grep -c finished whole.txt)" -eq 6
export PAUSE=.2

# submit FOLDER ARGUMENTS...: makes the record and submits workers; the job is in $job.
submit() {
    expect 0 "$CALR" study steps.lua --out "$1" --workers 0
    expect 0 "$CALR" submit "$1" --slurm "${@:2}"
    job=$(sed -n 's/^job \([0-9]*\):.*/\1/p' out.txt)
    holds -n "$job"
}
said() { grep -qF -- "$2" "$1/slurm/${job}_$3.log"; }
gone() { [ -z "$(squeue --noheader --jobs="$job" 2>/dev/null)" ]; }
# A task that was queued again begins two minutes later. Here sooner; but in the same second its permit is void.
hurry() {
    local task start
    while read -r task start; do
        [ "$(date -d "$start" +%s)" -le $(($(date +%s) + 10)) ] || scontrol update "jobid=$task" starttime=now+3
    done < <(squeue --noheader --states=PENDING --array --format='%i %S' | grep -v N/A)
    gone
}
same_results() {
    expect 0 env FOLDER="$1" "$CALR" results.lua
    checks=$((checks + 1))
    cmp whole.txt out.txt || fault "the results of $1 differ"
}
ends() { cat "$1"/journals/*.jsonl | grep '"kind":"end"' | grep -c "\"state\":\"$2\""; }

# ---- a warning in the middle of a trial: checkpoint, back in the queue, and right results
submit "st 1's" -n 3 --time 10 --signal 60
comes 60 sh -c "cat st*/journals/*.jsonl | grep '\"kind\":\"checkpoint\"'"
scancel --signal=USR1 --batch "${job}_1"
comes 60 said "st 1's" "queued again" 1
said "st 1's" "warned: the worker runs on to its next checkpoint" 1 || fault "no word of the warning"
holds "$(ends "st 1's" interrupted)" -eq 1
comes 60 hurry
comes 10 said "st 1's" "start 2" 1
holds "$(grep -c "start 2" "st 1's/slurm/${job}_2.log")" -eq 0
same_results "st 1's"
holds "$(ends "st 1's" finished)" -eq 6
holds "$(ends "st 1's" interrupted)" -eq 1

# ---- the time limit: Slurm warns by itself, as often as it takes
PAUSE=.4
submit st2 -n 1 --time 1 --signal 50
comes 60 said st2 "queued again" 1
comes 240 hurry
same_results st2
holds "$(ends st2 interrupted)" -ge 1
holds "$(grep -c "start [2-9]" "st2/slurm/${job}_1.log")" -ge 1
scontrol show job "$job" >out.txt
prints JobState=COMPLETED

# ---- cancelled: the worker stops at once, and nothing comes back; another worker goes on
submit st3 -n 1 --time 10
comes 60 sh -c "cat st3/journals/*.jsonl | grep '\"kind\":\"checkpoint\"'"
scancel "$job"
comes 60 gone
holds "$(ends st3 interrupted)" -eq 1
scontrol show job "$job" >out.txt
prints JobState=CANCELLED "Restarts=0"
PAUSE=0
expect 0 "$CALR" work st3 --quiet
same_results st3

# ---- what Slurm refuses is shown
expect 1 "$CALR" submit st3 --slurm --partition nowhere
says "sbatch refused" "invalid partition specified: nowhere"

# ---- paths: a folder as its user called it
mkdir 'a "b" $(c) # %j \d'
submit 'a "b" $(c) # %j \d/st' -n 1 --time 10
comes 60 gone
same_results 'a "b" $(c) # %j \d/st'
holds -s "a \"b\" \$(c) # %j \\d/st/slurm/${job}_1.log"
finish
