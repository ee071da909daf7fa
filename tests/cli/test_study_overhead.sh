# What a study costs beside its trials: 10,000 trials of a function that does nothing, by 2 workers, at 500 trials a
# second or more; to open and tabulate them takes a second at most. Counted is the time of the processors, which a busy
# machine does not change much: 2 workers have 4 ms of it for a trial.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
cat >study.lua <<'LUA'
local S = require("calr").study "overhead" { goal = "max z", base = { y = 0.5 } }
S:search { sampler = "random", trials = 10000, x = S.int(1, 1 << 40), y = S.float(0, 1) }
S:run(function(trial) return { z = trial.config.y * (1 - trial.config.y) } end)
LUA
start=$(date +%s)
expect 0 bash -c 'TIMEFORMAT="%U %S"; time "$CALR" study study.lua --workers 2 --threads 1 --quiet'
used=$(tail -n 1 err.txt)
echo "10,000 trials: $(($(date +%s) - start)) s, processors $used s"
holds "$(echo "$used" | awk '{ print ($1 + $2 < 40) }')" = 1
expect 0 "$CALR" -e '
    local start = os.clock()
    local view = require("calr.lab.study.view").read "studies/overhead"
    local middle = os.clock()
    require("calr.lab.study.table").render(view, { rows = "label", columns = { "z" } })
    print(("open %.2f s, tabulate %.2f s"):format(middle - start, os.clock() - middle))
    assert(view.counts.finished == 10000)
    assert(os.clock() - start <= 1, "it takes more than a second")'
cat out.txt
finish
