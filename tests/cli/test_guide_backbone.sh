# The pieces of docs/guide/your-own-backbone.md do what the page says; and how networks of a user's own are recorded.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
. "$CALR_TEST_SOURCE/tests/cli/guide.sh"
guide=$CALR_TEST_SOURCE/docs/guide/your-own-backbone.md
mkdir -p build && ln -s "$CALR" build/calr && ln -s "$CALR_TEST_SOURCE/experiments" experiments

piece 1 >mine.lua
small=(height=32 width=16 epochs=2 iterations=2 clusters=4 instances=2 infomap.k=6 infomap.min_size=2 infomap.min_similarity=0.0
    intra.epochs=1 intra.iterations=2 intra.k1=8 intra.k2=2 intra.clusters_per_batch=4 intra.instances=2)
expect 0 "$CALR" data make street -o street.lmdb --ids 6 --test-ids 4 --distractors 4 --junk 2 --cameras 3 --images 4 --gap 0.25

# shellcheck disable=SC2046
expect 0 $(command_line 2) "${small[@]}"
contains own/run.json '"network": "./mine.lua"' '"channels": 24' '"from": "./mine.lua"' '"dim": 96' '"./mine.lua": "'
# shellcheck disable=SC2046
expect 0 $(command_line 3)
prints "channels=16" "./mine.lua: of the first convolution"
# shellcheck disable=SC2046
expect 1 $(command_line 4) "${small[@]}"
says "the network ./mine.lua does not look at the option checkpoint=true: leave it out"
contains "$guide" "the network ./mine.lua does not look at the option checkpoint=true: leave it out, or let the network's"
expect 2 "$CALR" run experiments/calr.lua network=./mine.lua channels=0
says 'option "channels" must be 1 or more; 0 is not'
expect 2 "$CALR" run experiments/calr.lua channels=8
says 'unknown option "channels"'

# ---- mistakes are named before the first batch
sed '/net.dim = /d' mine.lua >bare.lua
expect 1 "$CALR" run experiments/calr.lua data=street.lmdb "${small[@]}" network=./bare.lua
says "the network ./bare.lua must say how wide its features are: set .dim to a whole number"
sed 's/self.neck(self.pool(maps))/maps/' mine.lua >maps.lua
expect 1 "$CALR" run experiments/calr.lua data=street.lmdb "${small[@]}" network=./maps.lua
says "the network ./maps.lua gives f32[1 x 4 x 2 x 64] for an image of 32x16, and must give features f32[1 x 64]: its .dim is 64"
sed 's/calr.l2_normalize(\(.*\))$/\1/' mine.lua >long.lua
expect 1 "$CALR" run experiments/calr.lua data=street.lmdb "${small[@]}" network=./long.lua
says "the network ./long.lua gives features of length" "and must give unit features"
expect 1 "$CALR" run experiments/calr.lua data=street.lmdb "${small[@]}" network=./absent.lua
says "cannot load the network: " "absent.lua"
expect 1 "$CALR" run experiments/calr.lua data=street.lmdb "${small[@]}" network=mine
says 'there is no network "mine"; there are: efficientnet_lite0' "give the path of a file of your own, such as ./mine.lua"

# ---- a file or a module that has changed is noticed
echo 'return require("calr").ops.l2_normalize' >unit.lua
sed 's/calr.l2_normalize(/require "unit"(/' mine.lua >parts.lua
sed 's/  step:train(/  if epoch == 1 and not calr.sys.exists "again" then error "stop here" end\n&/' experiments/calr.lua >stops.lua
for changed in parts unit; do
    rm -f again
    expect 1 "$CALR" run stops.lua data=street.lmdb "${small[@]}" network=./parts.lua --out "stopped-$changed"
    says "stop here"
    touch again
    cp $changed.lua kept
    echo "-- another text" >>$changed.lua
    expect 2 "$CALR" run --resume "stopped-$changed"
    says "cannot be resumed: the" "$changed" "has changed"
    mv kept $changed.lua
    expect 0 "$CALR" run --resume "stopped-$changed"
done
cat >rows.lua <<'LUA'
local calr = require "calr"
local S = calr.study "nets" { goal = "max mAP", script = "calr.lua", base = { data = "street.lmdb", height = 32, width = 16,
  epochs = 1, iterations = 1, clusters = 4, instances = 2, infomap = { k = 6, min_size = 2, min_similarity = 0.0 }, refine = "none" } }
S:ablate { { "8", network = "./parts.lua", channels = 8 }, { "4", network = "./parts.lua", channels = 4 } }
S:run()
LUA
expect 0 "$CALR" study rows.lua
expect 0 "$CALR" study rows.lua
holds "$(cat studies/nets/journals/*.jsonl | grep -c '"kind":"end"')" -eq 2
echo 'return function(x) return require("calr").ops.l2_normalize(x) end' >unit.lua
expect 0 "$CALR" study rows.lua
says "2 results are stale" "module unit has changed"

# ---- built by the script: the record does not name one of calr's
cat >own.lua <<'LUA'
local calr = require "calr"
local cfg  = calr.config(calr.pipeline.defaults({}, { "refine", "intra" }))
local data = calr.data.open(cfg.data)
local net  = calr.models.small { width = 8, seed = cfg.seed }
for epoch, step in calr.pipeline.epochs(net, data, cfg) do
  if epoch == 1 and not calr.sys.exists "on" then error "stop here" end
  local features = step:features()
  step:train(calr.memory.cluster { features = features, labels = calr.cluster.infomap(features, cfg.infomap) })
end
LUA
base=(height=32 width=16 epochs=2 iterations=1 clusters=4 instances=2 infomap.k=6 infomap.min_size=2 infomap.min_similarity=0.0)
expect 1 "$CALR" run own.lua data=street.lmdb "${base[@]}" --out script
contains script/run.json '"network": "script"' '"from": "script"' '"dim": 32'
touch on
expect 0 "$CALR" run --resume script
holds "$(grep -c '"network": "small"' script/run.json)" -eq 0
piece 2 >named.lua
expect 0 "$CALR" named.lua
prints "small	32"

# ---- the benchmarks, and weights that are meant for it
# shellcheck disable=SC2046
last_of $(command_line 5) "${small[@]:0:8}"
expect 0 "${words[@]}"
contains quick/metrics.jsonl '"evaluation":{"mAP":'
contains quick/run.json '"channels": 32'
for number in 6 7 8; do
    # shellcheck disable=SC2046
    expect 0 $(command_line $number | sed 's/--batch 32/--batch 2/') --repeat 1 --limits 20,5
    prints "mine.lua"
done
expect 2 "$CALR" bench train --network ./mine.lua --batch 2 --height 32 --width 16 --repeat 1 --limits 20,5 --peer "$CALR"
says "a peer does not know the network ./mine.lua: measure it without --peer"
expect 0 "$CALR" import-weights "$CALR_TEST_SOURCE/tests/reference/pth/checkpoint.pth" -o two.safetensors --network ./mine.lua
prints "fits        not ./mine.lua: body.0.weight is f32[2 x 1 x 3 x 3] in the file (0.weight)"
expect 2 "$CALR" import-weights "$CALR_TEST_SOURCE/tests/reference/pth/checkpoint.pth" -o two.safetensors --network mine
says 'there is no network "mine"; there are: efficientnet_lite0'
contains "$guide" "--network ./mine.lua"
finish
