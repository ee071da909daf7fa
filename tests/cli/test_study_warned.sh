# SIGUSR1 to a study: every worker goes on to its next checkpoint and leaves, and nothing is computed twice. Ctrl-C: at
# once, and no worker stays.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
cat >steps.lua <<'LUA'
local calr = require "calr"
local S = calr.study "steps" { goal = "max score", seeds = { 1, 2 }, base = { step = 3, steps = 8 } }
S:grid { step = { 3, 5 } }
S:run(function(trial)
  local state = trial:restore() or { at = 0, x = trial.seed }
  for at = state.at + 1, trial.config.steps do
    local file <close> = assert(io.open(os.getenv "STEPS", "a"))
    file:write(trial.key, " ", at, "\n")
    state.x = (state.x * 31 + trial.config.step * at) % 1000003
    calr.sys.sleep(tonumber(os.getenv "PAUSE" or "0"))
    trial:report(at, { score = state.x })
    state.at = at
    trial:checkpoint(state)
  end
  return { score = state.x }
end)
LUA
cat >results.lua <<'LUA'
for _, trial in ipairs(require("calr.lab.study.view").read(os.getenv "FOLDER").trials) do
  print(trial.key, trial.state, trial.metrics.score)
end
LUA
ended() { cat "$1"/journals/*.jsonl | grep '"kind":"end"' | grep -c "\"state\":\"$2\""; }
same_results() {
    expect 0 env FOLDER="$1" "$CALR" results.lua
    checks=$((checks + 1))
    cmp whole.txt out.txt || fault "the results of $1 differ"
}
# signalled SIGNAL STEPS COMMAND...: sends the signal when so many steps have begun; its exit status is in $status.
signalled() {
    local at pid
    : >"$STEPS"
    "${@:3}" >out.txt 2>err.txt &
    pid=$!
    for ((at = 0; at < 3000; at++)); do
        [ "$(wc -l <"$STEPS")" -lt "$2" ] || break
        sleep .02
    done
    kill -"$1" $pid
    wait $pid
    status=$?
}
export STEPS=$PWD/steps.txt
expect 0 "$CALR" study steps.lua --out whole --quiet
holds "$(wc -l <steps.txt)" -eq 32
expect 0 env FOLDER=whole "$CALR" results.lua
cp out.txt whole.txt
holds "$(grep -c finished whole.txt)" -eq 4
export PAUSE=.15

# One worker that joined.
expect 0 "$CALR" study steps.lua --out one --workers 0
prints "steps is ready for workers: calr work one"
holds "$(ended one finished)" -eq 0
signalled USR1 3 "$CALR" work one --quiet
holds $status -eq 75
holds "$(ended one interrupted)" -eq 1
cp steps.txt before.txt
: >steps.txt
expect 0 env PAUSE=0 "$CALR" work one --quiet
same_results one
cat before.txt steps.txt | sort >all.txt
holds "$(wc -l <all.txt)" -eq 32
holds "$(uniq all.txt | wc -l)" -eq 32 # each step once: what was warned went on from its last one

# A study with two workers of its own hands the warning on.
signalled USR1 5 "$CALR" study steps.lua --out two --workers 2 --quiet
holds $status -eq 75
holds "$(ended two interrupted)" -eq 2
cp steps.txt before.txt
: >steps.txt
expect 0 env PAUSE=0 "$CALR" study steps.lua --out two --workers 2 --quiet
same_results two
cat before.txt steps.txt | sort | uniq >all.txt
holds "$(wc -l <all.txt)" -eq 32
holds "$(cat before.txt steps.txt | wc -l)" -eq 32

# Ctrl-C.
signalled INT 5 "$CALR" study steps.lua --out three --workers 2 --quiet
holds $status -eq 130
says "calr: interrupted"
holds "$(ended three interrupted)" -eq 2
expect 0 env PAUSE=0 "$CALR" study steps.lua --out three --quiet
same_results three
finish
