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
}
rival cluster_contrast
rival cluster_contrast distance=camera_jaccard dbscan.eps=0.6 camera_jaccard.k1_inter=5 camera_jaccard.k2_inter=2
rival cap across_from=1 online=0.5
rival spcl
rival pplr parts=2 agreement=4

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
