# What a run has learned is used by others; a finished run goes on; changed files are noticed, missing weights are not missed.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
expect 0 "$CALR" data make street -o s.lmdb --cameras 2 --ids 8 --test-ids 6 --distractors 5 --junk 3 --images 4
baseline=$CALR_TEST_SOURCE/experiments/baseline.lua
small=(data=s.lmdb height=32 width=16 infomap.k=6 infomap.min_size=2 infomap.min_similarity=0.0 iterations=2 clusters=4 instances=2)

# ---- more epochs: the same weights as if they had been asked for at once
expect 0 "$CALR" "$baseline" "${small[@]}" epochs=2 --out first
expect 0 "$CALR" "$baseline" "${small[@]}" epochs=3 --out whole
cp -r first shown
expect 2 "$CALR" run --resume first
says "the run in first is finished; there is nothing to resume; it had 2 epochs, and goes on with more: calr run --resume first epochs=4"
expect 2 "$CALR" run --resume first epochs=2
says "is finished"
expect 2 "$CALR" run --resume first epochs=3 lr=0.1
says "lr=0.1 contradicts the resumed run"
contains first/run.json '"status": "finished"'
expect 0 "$CALR" run --resume first epochs=3
says "note: the run goes on from 2 to 3 epochs and ends with the weights of a run of 3, to the last bit; only the record of epoch 1 has an evaluation besides"
checks=$((checks + 1)) && cmp first/model.safetensors whole/model.safetensors || fault "the weights differ"
contains first/run.json '"epochs": 3' '"extended"' '"from": 2' '"to": 3' '"status": "finished"'
checks=$((checks + 1)) && cmp <(sed -n 1p first/metrics.jsonl) <(sed -n 1p whole/metrics.jsonl) || fault "epoch 0 differs"
checks=$((checks + 1)) && cmp <(tail -1 first/metrics.jsonl) <(tail -1 whole/metrics.jsonl) || fault "epoch 2 differs"
holds "$(wc -l <first/metrics.jsonl)" -eq 3

# A run whose epochs depend on their number says so.
expect 0 "$CALR" "$CALR_TEST_SOURCE/experiments/calr.lua" "${small[@]}" epochs=1 intra.epochs=1 intra.iterations=2 intra.k1=6 intra.k2=2 \
    intra.clusters_per_batch=4 intra.instances=2 alignment.ramp=yes pace=cosine --out ramp
expect 0 "$CALR" run --resume ramp epochs=2
says "its first 1 are not those of a run of 2: alignment.ramp and pace=cosine follow the number of epochs"

# ---- weights of a run: its folder, its model, its checkpoint
mAP=$(grep -o '"mAP":[0-9.]*' shown/metrics.jsonl | tail -1)
for from in shown shown/model.safetensors shown/checkpoints/000002-inter.safetensors; do
    expect 0 "$CALR" "$baseline" "${small[@]}" epochs=0 weights=$from --out "used-${from##*/}"
    says "weights: matched 50 of 50 tensors of small" "weights: missing in the file, and left as they were: nothing" "left over in the file"
    contains "used-${from##*/}/metrics.jsonl" "$mAP"
    contains "used-${from##*/}/log.txt" "weights: matched 50 of 50"
    contains "used-${from##*/}/run.json" "\"from\": \"$from\"" '"matched": 50' '"missing": []'
done
mkdir empty
expect 1 "$CALR" "$baseline" "${small[@]}" epochs=0 weights=empty
says "empty: this folder holds no weights"
expect 1 "$CALR" "$baseline" "${small[@]}" epochs=0 weights=s.lmdb
says "s.lmdb: not a file of torch.save"
expect 1 "$CALR" "$baseline" "${small[@]}" epochs=0 weights=shown network=resnet18
says "model.safetensors does not fit the network resnet18" "tensors have another shape"

# ---- other names: blocks are found by their numbers; for the rest there is rename
expect 0 "$CALR" -e 'local t, a, b = calr.safetensors.load "shown/model.safetensors", {}, {}
    for name, tensor in pairs(t) do
      a[(name:gsub("layer", "stage"))] = tensor
      b[(name:gsub("layer", "stage"):gsub("conv1", "alpha"):gsub("conv2", "beta"))] = tensor
    end
    calr.safetensors.save("stages.safetensors", a) calr.safetensors.save("greek.safetensors", b)'
expect 0 "$CALR" "$baseline" "${small[@]}" epochs=0 weights=stages.safetensors --out stages
says "matched 50 of 50 tensors of small: by the numbers of the blocks and the shapes of the layers, whose names differ"
contains stages/metrics.jsonl "$mAP"
expect 1 "$CALR" "$baseline" "${small[@]}" epochs=0 weights=greek.safetensors
says "only 9 of the network's 50 tensors are in the file by their names" "layer1.0 (10 tensors)" "stage1.0 (10 tensors)" "rename=A=B"
expect 0 "$CALR" "$baseline" "${small[@]}" epochs=0 weights=greek.safetensors "rename=stage*.alpha*=layer*.conv1*,stage*.beta*=layer*.conv2*,stage*=layer*,alpha=conv1" --out greek
says "matched 50 of 50"
contains greek/metrics.jsonl "$mAP"

# ---- stopped in each stage, with the weights gone: the end is that of a run that was left alone
calr=$CALR_TEST_SOURCE/experiments/calr.lua
both=("${small[@]}" epochs=3 intra.epochs=2 intra.iterations=2 intra.k1=6 intra.k2=2 intra.clusters_per_batch=4 intra.instances=2)
cp shown/model.safetensors w.safetensors
expect 0 "$CALR" "$calr" "${both[@]}" weights=w.safetensors --out alone
cat >stop.lua <<LUA
-- The experiment, left after so many checkpoints.
local calr = require "calr"
local count = 0
calr.run.on("checkpoint", function()
  count = count + 1
  if count == tonumber(os.getenv "STOP_AFTER") then error "stopped" end
end)
dofile "$calr"
LUA
for after in 2 6; do
    cp shown/model.safetensors w.safetensors
    expect 1 env STOP_AFTER=$after "$CALR" stop.lua "${both[@]}" weights=w.safetensors --out "parts$after"
    rm w.safetensors
    expect 0 "$CALR" run --resume "parts$after"
    says "note: w.safetensors is gone since the run began; the run goes on with the weights that it has kept"
    checks=$((checks + 1)) && cmp alone/metrics.jsonl "parts$after/metrics.jsonl" || fault "the metrics differ"
    checks=$((checks + 1)) && cmp alone/model.safetensors "parts$after/model.safetensors" || fault "the weights differ"
done

# ---- changed files are noticed when a run goes on
mkdir -p nets
cat >nets/layers.lua <<'LUA'
return { width = 4 }
LUA
cat >net.lua <<'LUA'
package.path = "nets/?.lua;" .. package.path
return function(options)
  return require "calr".models.small { width = require "layers".width, seed = options.seed, pooling = options.pooling }
end
LUA
cp shown/model.safetensors w.safetensors
expect 0 "$CALR" -e 'local net = calr.models.small { width = 4, seed = 3 } calr.safetensors.save("w4.safetensors", net:state())'
expect 1 env STOP_AFTER=1 "$CALR" stop.lua "${both[@]}" network=./net.lua weights=w4.safetensors --out own
contains own/run.json '"layers"' '"./net.lua"' '"w4.safetensors"'
echo "-- another" >>nets/layers.lua
expect 2 "$CALR" run --resume own
says "the module layers has changed"
echo "return { width = 4 }" >nets/layers.lua
cp net.lua kept.lua
echo "-- another" >>net.lua
expect 2 "$CALR" run --resume own
says "the file ./net.lua has changed"
cp kept.lua net.lua
cp w.safetensors w4.safetensors
expect 0 "$CALR" run --resume own
says "note: w4.safetensors has changed since the run began; the run goes on with the weights that it has kept"
# of a module edited while the run was under way, what ran counts
cat >edit.lua <<LUA
local calr = require "calr"
calr.run.on("checkpoint", function()
  io.open("nets/layers.lua", "a"):write("-- edited\n"):close()
  error "stopped"
end)
dofile "$calr"
LUA
expect 1 "$CALR" edit.lua "${both[@]}" network=./net.lua --out edited
expect 2 "$CALR" run --resume edited
says "the module layers has changed"

# ---- and by studies: weights, network file, module
echo "return { width = 4 }" >nets/layers.lua
expect 0 "$CALR" -e 'local net = calr.models.small { width = 4, seed = 3 } calr.safetensors.save("w4.safetensors", net:state())'
cat >study.lua <<LUA
local calr = require "calr"
package.path = "nets/?.lua;" .. package.path
local S = calr.study "weights" { script = "$baseline", goal = "max mAP", seeds = { 1 },
  base = { data = "s.lmdb", height = 32, width = 16, epochs = 1, iterations = 2, clusters = 4, instances = 2,
    infomap = { k = 6, min_size = 2, min_similarity = 0.0 }, network = "./net.lua", weights = "w4.safetensors" } }
S:ablate { { "whole" } }
S:run()
S:table { columns = { "mAP" } }
LUA
trials() { ls -d studies/weights/trials/*/ | wc -l; }
expect 0 "$CALR" study study.lua
holds "$(trials)" -eq 1
expect 0 "$CALR" study study.lua
holds "$(trials)" -eq 1
expect 0 "$CALR" -e 'local net = calr.models.small { width = 4, seed = 4 } calr.safetensors.save("w4.safetensors", net:state())'
expect 0 "$CALR" study study.lua
holds "$(trials)" -eq 2
echo "return { width = 4, more = 1 }" >nets/layers.lua
expect 0 "$CALR" study study.lua
holds "$(trials)" -eq 3
sed -i 's/seed = options.seed/seed = options.seed + 1/' net.lua
expect 0 "$CALR" study study.lua
holds "$(trials)" -eq 4
expect 0 "$CALR" study study.lua
holds "$(trials)" -eq 4
# its table is made where the weights are not
rm w4.safetensors
expect 0 "$CALR" table studies/weights
prints "whole"
finish
