# Ctrl-C and SIGTERM while one call of the engine computes for seconds: the call ends, and the run is recorded.
set -u
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"

cat >cluster.lua <<'LUA'
local calr = require "calr"
local cfg = calr.config { seed = 0 }
local run <close> = calr.run.open { config = cfg, data = "fingerprint", network = { w = calr.tensor.zeros { 2, 2 } } }
local x = calr.tensor.zeros { 12000, 256 }
calr.rng.open { seed = 1 }:fill_normal(x)
run:metric { before = 1 }
io.stderr:write "computing\n"
calr.cluster.kmeans(x, { clusters = 600, iterations = 1000, tolerance = 0 })
io.stderr:write "not reached\n"
run:metric { after = 1 }
LUA

# wait_and_stop PID SIGNAL: sends it in the middle of the call; $status, and $took milliseconds until the end.
wait_and_stop() {
    for _ in $(seq 600); do grep -q computing err.txt && break; sleep .02; done
    sleep .1
    local began
    began=$(date +%s%N)
    kill -"$2" "$1"
    wait "$1"
    status=$?
    took=$((($(date +%s%N) - began) / 1000000))
    echo "$2: ended $took ms after it was sent"
    holds $took -lt 2000
}

# strike SIGNAL STATUS: a run is ended by the signal and keeps what it had.
strike() {
    rm -f err.txt # or the last one is read until the shell has opened the new one
    CALR_THREADS=1 env --default-signal=INT "$CALR" run cluster.lua --out "$1" 2>err.txt >out.txt &
    wait_and_stop $! "$1"
    holds $status -eq "$2"
    says "computing" "interrupted"
    checks=$((checks + 1)) && ! grep -q "not reached" err.txt || fault "the call went on to its end"
    contains "$1/run.json" '"status": "interrupted"'
    contains "$1/metrics.jsonl" before
    checks=$((checks + 1)) && ! grep -q after "$1/metrics.jsonl" || fault "the run went on"
}

strike INT 130
strike TERM 143

# A script that catches all errors is stopped all the same.
cat >stubborn.lua <<'LUA'
local calr = require "calr"
local x = calr.tensor.zeros { 12000, 256 }
calr.rng.open { seed = 1 }:fill_normal(x)
io.stderr:write "computing\n"
for _ = 1, 100 do pcall(calr.cluster.kmeans, x, { clusters = 600, iterations = 1000, tolerance = 0 }) end
LUA
rm -f err.txt
CALR_THREADS=1 env --default-signal=INT "$CALR" stubborn.lua 2>err.txt >out.txt &
wait_and_stop $! INT
holds $status -eq 130
says "calr: interrupted"

finish
