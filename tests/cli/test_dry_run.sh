# --dry-run of `calr run` and `calr study`: data sets, weights and rule files that are missing are named, and nothing runs.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
script=$CALR_TEST_SOURCE/experiments/calr.lua

expect 0 "$CALR" data make street -o street.lmdb --ids 2 --test-ids 0 --cameras 2 --images 1 --distractors 0 --junk 0
expect 0 "$CALR" -e 'calr.safetensors.save("weights.safetensors", calr.models.small { width = 32 }:state())'

# ---- a script
expect 0 "$CALR" run "$script" epochs=3 weights=weights.safetensors --dry-run
prints "epochs=3" "weights=weights.safetensors" "are there; nothing was run"
holds ! -e runs
expect 0 "$CALR" run "$script" --dry-run
prints "all options have their defaults"
expect 1 "$CALR" run "$script" --dry-run data=market.lmdb source=duke.lmdb weights=resnet50.pth
prints "missing: there is no data set market.lmdb; make or import it first (calr data --help) (data)" \
    "missing: there is no data set duke.lmdb" "(source)" "missing: there are no weights resnet50.pth (weights)"
expect 1 "$CALR" run "$script" --dry-run data=weights.safetensors
prints "missing: weights.safetensors is not a data set"
mkdir empty
expect 2 "$CALR" run "$script" --dry-run --out weights.safetensors
says "weights.safetensors is a file, not a folder"
expect 1 "$CALR" run "$script" --dry-run weights=empty
prints "missing: empty: this folder holds no weights"
expect 1 "$CALR" run "$script" --dry-run refine=./mine.lua
says "cannot load the refinement rule: cannot open ./mine.lua"
expect 1 "$CALR" run "$script" --dry-run network=./net.lua
says "cannot load the network"
expect 2 "$CALR" run "$script" --dry-run epoch=3
says 'unknown option "epoch" (did you mean "epochs"?)'
echo 'print "it runs"' >plain.lua
expect 2 "$CALR" run plain.lua --dry-run
says "plain.lua has no options (no calr.config), so that --dry-run has nothing to check"
holds ! -e runs

# ---- a study: each missing file once, whatever the number of rows
cat >study.lua <<'LUA'
local calr = require "calr"
local S = calr.study "idea" { script = "calr.lua", goal = "max mAP", seeds = { 1, 2 }, base = { data = os.getenv "DATA" },
  prepare = os.getenv "PREPARE" and function() error "not in a dry run" end or nil }
S:ablate { { "from scratch" }, { "pretrained", weights = os.getenv "WEIGHTS" }, { "other", epochs = 3,
  weights = os.getenv "WEIGHTS" } }
S:run()
LUA
DATA=street.lmdb WEIGHTS=weights.safetensors expect 0 "$CALR" study study.lua --dry-run
prints "from scratch" "The cost is not known yet"
DATA=market.lmdb WEIGHTS=gone.pth expect 1 "$CALR" study study.lua --dry-run
prints "missing: there is no data set market.lmdb" "missing: there are no weights gone.pth (weights)"
holds "$(grep -c '^missing' out.txt)" -eq 2
# a data set that the study makes itself is not missing
PREPARE=1 DATA=market.lmdb WEIGHTS=weights.safetensors expect 0 "$CALR" study study.lua --dry-run
holds ! -e studies
finish
