# calr submit: the batch script, with a stand-in for Slurm's commands; test_slurm.sh has the real ones.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
mkdir bin
cat >bin/sbatch <<'SH'
#!/bin/bash
printf '%s\n' "$@" >"$LOGS/sbatch.txt"
if [ -n "$REFUSE" ]; then
    echo "sbatch: error: Batch job submission failed: Invalid account" >&2
    exit 1
fi
if [ -n "$WARN" ]; then echo "sbatch: warning: can't honor 3 tasks" >&2; fi
echo "${ANSWER:-4711}"
SH
cat >bin/squeue <<'SH'
#!/bin/bash
printf '%s ' "$@" >"$LOGS/squeue.txt"
echo "${STATE-RUNNING}"
SH
cat >bin/scontrol <<'SH'
#!/bin/bash
echo "$@" >>"$LOGS/scontrol.txt"
exit "${SCONTROL:-0}"
SH
chmod +x bin/*
export LOGS=$PWD
with=(env "PATH=$PWD/bin:$PATH")

# study FOLDER NAME: a record without trials.
study() {
    FOLDER=$1 NAME=$2 "$CALR" -e '
        require("calr.lab.study.record").create(os.getenv "FOLDER", { name = os.getenv "NAME", goals = {}, seeds = { 1 } })'
}

# ---- what is written and submitted
study st "my study's #1"
expect 0 "${with[@]}" "$CALR" submit st --slurm -n 8 --threads 2 --time 4:00:00 --partition long --mem 8G \
    --account "the lab" --signal 120 -- --constraint "avx512&big #1" -x node7
prints "job 4711: 8 workers of 2 threads ($PWD/st/slurm/submit-1.sh)" "watch   calr watch $PWD/st" "cancel  scancel 4711"
script=$PWD/st/slurm/submit-1.sh
contains sbatch.txt --parsable "$script"
contains "$script" "#SBATCH --job-name=calr-my_study_s__1" "#SBATCH --array=1-8 " "#SBATCH --cpus-per-task=2 " \
    "#SBATCH --time=4:00:00" "#SBATCH --partition=long" "#SBATCH --mem=8G" '#SBATCH --account="the lab"' \
    "#SBATCH --signal=B:USR1@120 " "#SBATCH --requeue " "#SBATCH --open-mode=append " \
    "#SBATCH --output=$PWD/st/slurm/%A_%a.log" '#SBATCH --constraint "avx512&big #1" -x node7' \
    "study=$PWD/st" "program=$CALR" "grace=90 " "sbatch $script"
expect 0 bash -n "$script"
command -v shellcheck >/dev/null && expect 0 shellcheck "$script"
expect 0 "${with[@]}" WARN=1 "ANSWER=4712;west" "$CALR" submit st --slurm
prints "job 4712: 1 worker of 1 thread ($PWD/st/slurm/submit-2.sh)"
says "can't honor 3 tasks" "4712;west"
holds "$(grep -c -e --time -e --mem -e --account -e --partition st/slurm/submit-2.sh)" -eq 0
expect 0 env PATH=/usr/bin:/bin CALR_HOME="$CALR_TEST_SOURCE" "$CALR" submit st --slurm -n 3 --dry-run
prints "#SBATCH --array=1-3" "export CALR_HOME=$CALR_TEST_SOURCE"
holds ! -e st/slurm/submit-3.sh

# ---- refusals
mkdir empty nobin
for tool in sh bash; do ln -s "$(command -v $tool)" nobin/; done
expect 2 env "PATH=$PWD/nobin" "$CALR" submit st --slurm
says "there is no sbatch on the PATH" "--dry-run"
expect 1 "${with[@]}" REFUSE=1 "$CALR" submit st --slurm
says "sbatch refused $PWD/st/slurm/submit-3.sh" "Invalid account"
expect 2 "${with[@]}" "$CALR" submit empty --slurm
says "empty is not the folder of a study"
expect 2 "${with[@]}" "$CALR" submit nowhere --slurm
says "there is no study folder nowhere"
expect 2 "${with[@]}" "$CALR" submit --slurm
says "which study?"
expect 2 "${with[@]}" "$CALR" submit st
says "which kind of cluster? --slurm"
expect 2 "${with[@]}" "$CALR" submit st --slurm -n 0
says "-n must be a whole number from 1 to"
expect 2 "${with[@]}" "$CALR" submit st --slurm --signal 70000
says "--signal must be a whole number from 1 to 65535"
expect 2 "${with[@]}" "$CALR" submit st --slurm --thread 2
says "unknown option --thread (did you mean --threads?)"
expect 2 "${with[@]}" "$CALR" submit st --slurm --time $'1\n2'
says "contains a line break"
expect 0 "$CALR" submit --help
prints "usage: calr submit DIR --slurm" "--signal SECONDS"
if [ "$(id -u)" -ne 0 ]; then
    chmod a-w st/slurm
    expect 1 "${with[@]}" "$CALR" submit st --slurm
    says "the script cannot be written"
    chmod u+w st/slurm
fi

# ---- the script at work. The worker stands in for `calr work`: it is calr, so that it hears warnings as that does.
cat >worker.lua <<'LUA'
local sys = require "calr.sys"
local file = sys.append(os.getenv "LOGS" .. "/worker.txt")
file:write(("work %s\n"):format(os.getenv "ARGUMENTS"))
local last, until_ = tonumber(os.getenv "LEAVE" or "-1"), sys.clock() + 20
if last >= 0 then os.exit(last) end
while sys.clock() < until_ and (not sys.warned() or os.getenv "STUBBORN") do sys.sleep(.02) end
file:write "leaves\n"
os.exit(sys.warned() and 75 or 9)
LUA
cat >worker.sh <<'SH'
#!/bin/bash
printf -v ARGUMENTS '<%s>' "$@"
export ARGUMENTS
exec "$CALR" "$LOGS/worker.lua"
SH
chmod +x worker.sh

# task [NAME=VALUE...] SIGNAL...: runs the script as Slurm would, with signals to the shell as soon as the worker is at
# work ("early": before that); its output is in out.txt.
task() {
    local settings=() pid at
    while [[ ${1:-} == *=* ]]; do settings+=("$1") && shift; done
    rm -f out.txt worker.txt scontrol.txt squeue.txt
    sed "s|^program=.*|program=$PWD/worker.sh|" "$script" >task.sh
    env "PATH=$PWD/bin:$PATH" SLURM_JOB_ID=4713 SLURM_ARRAY_JOB_ID=4711 SLURM_ARRAY_TASK_ID=2 SLURM_CPUS_PER_TASK=2 \
        "${settings[@]}" bash task.sh >out.txt 2>err.txt &
    pid=$!
    if [ "${1:-}" = early ]; then # again if the first found the shell at the moment when it starts the worker
        shift
        for ((at = 0; at < 500; at++)); do grep -qs start out.txt && break; sleep .01; done
        kill -USR1 $pid
        for ((at = 0; at < 500; at++)); do [ -s worker.txt ] && break; sleep .01; done
        if grep -qs warned out.txt; then set --; fi
    elif [ $# -gt 0 ]; then
        for ((at = 0; at < 500; at++)); do [ -s worker.txt ] && break; sleep .01; done
    fi
    for signal; do kill -"$signal" $pid; done
    wait $pid
    status=$?
    checks=$((checks + 1))
}
ends() { [ "$status" -eq "$1" ] || fault "the task ends with $status, want $1"; }
requeued() { checks=$((checks + 1)); [ "$(cat scontrol.txt 2>/dev/null)" = "requeue 4711_2" ] || fault "not requeued"; }
not_requeued() { holds ! -e scontrol.txt; }

task LEAVE=0
ends 0
not_requeued
contains worker.txt "work <work><$PWD/st><--threads><2>"
prints "worker 2 of job 4711_2 on" "start 1" "ended with status 0"
task LEAVE=1
ends 1
not_requeued
task USR1
ends 0
requeued
contains worker.txt leaves
contains squeue.txt "--jobs=4711_2"
prints "warned: the worker runs on to its next checkpoint, for at most 90 seconds" "queued again"
task TERM
ends 0
requeued
task USR1 USR1 TERM
ends 0
requeued
holds "$(grep -c "warned:" out.txt)" -eq 1
task early USR1
ends 0
requeued
task STATE=COMPLETING USR1
ends 0
not_requeued
prints "the task is COMPLETING: it is not queued again by this script"
task STATE= USR1
not_requeued
prints "the task is gone"
task SLURM_RESTART_COUNT=100 USR1
ends 1
not_requeued
prints "start 101" "started 100 times already"
task SCONTROL=1 USR1
ends 1
prints "Slurm did not queue the task again"
sed -i 's/^grace=90/grace=1/' "$script"
task STUBBORN=1 USR1
ends 0
requeued
prints "no checkpoint in 1 seconds: the worker stops where it is"

# ---- any folder
for name in "a b \"c\" 'd' \$(touch oops) \`touch oops\` ; & # \\ %j é" $'new\nline'; do
    mkdir -p "$name"
    study "$name/st" plain
    expect 0 "${with[@]}" "$CALR" submit "$name/st" --slurm
    script="$PWD/$name/st/slurm/submit-1.sh"
    expect 0 bash -n "$script"
    contains "$script" "#SBATCH --output=/dev/null"
    task LEAVE=0
    ends 0
    LC_ALL=C grep -qF -- "work <work><$PWD/${name%%$'\n'*}" worker.txt || fault "the worker did not get its folder"
    holds "$(grep -c "ended with status 0" "$name/st/slurm/4711_2.log")" -eq 1
done
name="a b \"c\" 'd' \$(touch oops) # é"
mkdir "$name"
study "$name/st" plain
expect 0 "${with[@]}" "$CALR" submit "$name/st" --slurm
contains "$name/st/slurm/submit-1.sh" "#SBATCH --output=\"$PWD/a b \\\"c\\\" 'd' \$(touch oops) # é/st/slurm/%A_%a.log\""
holds ! -e oops
finish
