#!/usr/bin/env bash
# What a study costs beside its trials: `study_overhead.sh CALR [TRIALS [WORKERS [SAMPLER ...]]]`: trials a second of a
# function that does nothing, and the time to open and view the whole study.
set -eu
calr=$(realpath "$1") trials=${2:-10000} workers=${3:-2}
shift $(($# < 3 ? $# : 3))
[ $# -gt 0 ] || set -- grid random
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export OMP_WAIT_POLICY=passive

cat >study.lua <<'LUA'
local calr = require "calr"
local S = calr.study "overhead" { goal = "max z", base = { trials = 1, sampler = "grid", x = 1, y = 0.5 } }
if S.base.sampler == "grid" then
  S:grid { x = S.int(1, S.base.trials) }
else
  S:search { sampler = S.base.sampler, trials = S.base.trials, x = S.int(1, 1 << 40), y = S.float(0, 1) }
end
S:run(function(trial) return { z = trial.config.y * (1 - trial.config.y) } end)
LUA

for sampler; do
    before=$(date +%s.%N)
    "$calr" study study.lua trials="$trials" sampler="$sampler" --out "$sampler" --workers "$workers" --threads 1 --quiet
    after=$(date +%s.%N)
    "$calr" -e "
        local seconds = $after - $before
        print(('%-7s %d trials by %d workers: %.1f s, %.0f trials/s'):format('$sampler', $trials, $workers, seconds,
            $trials / seconds))
        local view = require 'calr.lab.study.view'
        local start = calr.sys.clock()
        local v = view.read '$sampler'
        assert(v.counts.finished == $trials, 'not all trials have finished')
        print(('        view: %.2f s'):format(calr.sys.clock() - start))"
done
