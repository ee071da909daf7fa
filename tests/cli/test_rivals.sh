# The rivals of CALR that come with it: each trains, says what it found, and resumes to the same bits.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
rivals=$CALR_TEST_SOURCE/experiments/rivals
expect 0 "$CALR" data make street -o small.lmdb --ids 8 --cameras 2 --images 3 --test-ids 5 --distractors 4 --junk 2 \
    --height 64 --width 32
small=(data=small.lmdb height=32 width=16 epochs=3 iterations=2 clusters=4 instances=2 jaccard.k1=8 jaccard.k2=2
    dbscan.eps=0.75 dbscan.min_samples=2)

# rival SCRIPT WORD...: the run of three epochs, and the same with a stop after the first.
rival() {
    local name=$1 out=$1-$#
    last_of "${small[@]}" "${@:2}"
    expect 0 "$CALR" run "$rivals/$name.lua" "${words[@]}" snapshot_every=2 --out "$out"
    says "result: mAP"
    holds "$(ls "$out/snapshots" | tr '\n' ' ')" = "epoch-001.safetensors epoch-002.safetensors "
    contains "$out/run.json" '"status": "finished"'
    holds "$(grep -c '"clusters"' "$out/metrics.jsonl")" -eq 3
    holds "$(wc -l <"$rivals/$name.lua")" -le 120
    contains "$out/timing.jsonl" '"neighbours"' && contains "$out/timing.jsonl" '"clustering"'
    sed "s|RIVAL|$rivals/$name.lua|" stop.lua >"stop-$name.lua"
    expect 1 env STOP=1 "$CALR" run "stop-$name.lua" "${words[@]}" snapshot_every=2 --out "$out-cut"
    says "stopped by the test"
    expect 1 env STOP=1 "$CALR" run --resume "$out-cut"
    says "stopped by the test"
    expect 0 "$CALR" run --resume "$out-cut"
    checks=$((checks + 1)) && cmp "$out/metrics.jsonl" "$out-cut/metrics.jsonl" || fault "the metrics differ"
}
# The rival, left after its next checkpoint.
cat >stop.lua <<'LUA'
local calr = require "calr"
calr.run.on("checkpoint", function() if os.getenv "STOP" then error "stopped by the test" end end)
dofile "RIVAL"
LUA
rival cluster_contrast
rival cluster_contrast distance=camera_jaccard dbscan.eps=0.6 camera_jaccard.k1_inter=5 camera_jaccard.k2_inter=2
rival cap across_from=1 online=0.5
rival spcl
rival pplr parts=2 agreement=4

# Values that cannot be are refused by the names of the scripts' own options, before any work.
for script in cluster_contrast cap spcl pplr; do
    for word in dbscan.eps=0 dbscan.eps=1.5 jaccard.k1=0; do
        last_of "${small[@]}" "$word"
        expect 2 "$CALR" run "$rivals/$script.lua" "${words[@]}" --out refused
        says "option \"${word%=*}\" must be"
    done
done
last_of "${small[@]}" dbscan.eps=0.01
expect 1 "$CALR" run "$rivals/spcl.lua" "${words[@]}" --out refused
says "dbscan.gap must be below dbscan.eps = 0.01; 0.02 is not"
expect 2 "$CALR" run "$rivals/spcl.lua" "${small[@]}" singles=shift --out refused
says 'unknown option "singles"'
holds ! -e refused
last_of "${small[@]}" jaccard.k1=4000
expect 1 "$CALR" run "$rivals/cluster_contrast.lua" "${words[@]}"
says "lower dbscan.eps (now 0.75) or jaccard.k1 (4000)"

# The network of parts takes weights, and all that is said of a network, as the others do.
expect 0 "$CALR" -e 'local state = {}
    for name, tensor in pairs(calr.models.small { seed = 3 }:state()) do state["x_" .. name] = tensor end
    calr.safetensors.save("w.safetensors", state)'
pplr=("$CALR" run "$rivals/pplr.lua" "${small[@]}" parts=2 agreement=4)
expect 1 "${pplr[@]}" weights=w.safetensors rename=odd=even
says "rename odd=even: no name fits"
expect 0 "${pplr[@]}" weights=w.safetensors "rename=x_*=*" --out loaded
says "weights: matched 49 of 57 tensors of small_parts" "weights: missing in the file, and left as they were: " "weights: left over in the file: "
contains loaded/run.json '"from": "w.safetensors"'
expect 1 env STOP=1 "$CALR" run stop-pplr.lua "${small[@]}" parts=2 agreement=4 weights=w.safetensors "rename=x_*=*" --out cut
rm w.safetensors
expect 0 "$CALR" run --resume cut
checks=$((checks + 1)) && cmp loaded/metrics.jsonl cut/metrics.jsonl || fault "the metrics differ"
expect 1 "${pplr[@]}" network=mobilenet_v2 ibn=true
says "calr.models.mobilenet_v2 has no variant with instance norm (ibn)"
expect 0 "${pplr[@]}" pooling=gem --out gem
checks=$((checks + 1)) && ! cmp -s gem/metrics.jsonl pplr-3/metrics.jsonl || fault "pooling is ignored"

# SpCL's memory and the limit of its first epoch outlive an epoch: killed after the first, it ends with the same bits.
expect 0 "$CALR" run "$rivals/spcl.lua" "${small[@]}" --out whole
"$CALR" run "$rivals/spcl.lua" "${small[@]}" --out parts >/dev/null 2>&1 &
pid=$!
while kill -0 $pid 2>/dev/null && ! [ -s parts/metrics.jsonl ]; do sleep .01; done
kill -9 $pid
wait $pid 2>/dev/null
contains parts/run.json '"status": "running"'
expect 0 "$CALR" run --resume parts
checks=$((checks + 1)) && cmp whole/metrics.jsonl parts/metrics.jsonl || fault "the metrics differ"
finish
