# The demonstration, on less data than its own: Ctrl-C ends it, and started again it goes on. (All of it takes minutes.)
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
mkdir demo
expect 0 "$CALR" data make street -o demo/street-7.lmdb --ids 12 --cameras 2 --images 4 --test-ids 8 --distractors 9 --junk 5

# A terminal's Ctrl-C: to the demo, the command that it runs, and the shell between them.
interrupt() {
    local pid tries=0
    env --default-signal=INT setsid "$CALR" run "$CALR_TEST_SOURCE/experiments/demo.lua" dir=demo seed=7 >out.txt 2>err.txt &
    pid=$!
    until [ "$(cat demo/baseline-7/metrics.jsonl 2>/dev/null | wc -l)" -ge "$1" ] || [ $tries -ge 600 ]; do
        tries=$((tries + 1))
        sleep .05
    done
    kill -INT -- -$pid
    wait $pid
    status=$?
    checks=$((checks + 1))
    [ $status -eq 130 ] || fault "interrupted, the demo ends with $status, want 130"
    says "start the same command again to continue from here"
    contains demo/baseline-7/run.json '"status": "interrupted"'
}
interrupt 1
prints '$ calr data info demo/street-7.lmdb' "baseline.lua --out demo/baseline-7 data=demo/street-7.lmdb seed=7"
interrupt 2
prints '$ calr run --resume demo/baseline-7'

# What cannot go on says so.
echo nonsense >demo/street-7.lmdb
expect 1 "$CALR" run "$CALR_TEST_SOURCE/experiments/demo.lua" dir=demo seed=7
says "is not a data set" "the command above failed with exit status 1"
finish
