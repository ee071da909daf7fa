# CALR itself, killed in stage 1 and in stage 2, ends with the weights and metrics of a run that was left alone.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
expect 0 "$CALR" data make street -o street.lmdb --ids 12 --cameras 2 --images 4 --test-ids 8 --distractors 9 --junk 5
experiment=$CALR_TEST_SOURCE/experiments/calr.lua
small=(data=street.lmdb height=32 width=16 epochs=4 iterations=3 intra.epochs=3 intra.iterations=3 intra.k1=8 intra.k2=2 infomap.min_size=2
    infomap.min_similarity=0.0 infomap.k=6 clusters=4 instances=2 intra.clusters_per_batch=4 intra.instances=2)
expect 0 "$CALR" "$experiment" "${small[@]}" --out whole
lines=$(wc -l <whole/metrics.jsonl)
holds "$lines" -eq 10 # 2 cameras x 3 epochs, 4 epochs

# Time and memory of each phase are in its record, its log, and by epoch in timing.jsonl.
expect 0 "$CALR" -e 'local r = calr.run.read "whole"
    for _, name in ipairs { "features", "neighbours", "clustering", "refinement", "quality", "training", "evaluation",
      "checkpoint", "other" } do
      local phase = assert(r.phases[name], name)
      assert(phase.seconds >= 0 and phase.peak >= 0, name)
    end
    local sum = 0
    for line in io.lines "whole/timing.jsonl" do
      local training = (calr.json.decode(line).phases or {}).training
      sum = sum + (training and training.seconds or 0)
    end
    assert(math.abs(sum - r.phases.training.seconds) < 1e-6)'
for line in "stage 1, camera 1, epoch 2: .*" "epoch 3: .*" "time: .*"; do
    holds "$(grep -c "  $line\btraining [0-9]" whole/log.txt)" -eq 1
done

# Local clusters found anew from epoch 2 on: the epochs before are as without.
expect 0 "$CALR" "$experiment" "${small[@]}" intra.anew_from=2 --out anew
checks=$((checks + 1)) && cmp <(head -8 whole/metrics.jsonl) <(head -8 anew/metrics.jsonl) || fault "epochs 0 and 1 differ"
quality() { sed -n "$2p" "$1/metrics.jsonl" | grep -o '"locals":{[^}]*}'; }
holds -n "$(quality anew 9)"
holds "$(quality anew 9)" != "$(quality whole 9)"
holds "$(quality whole 9)" = "$(quality whole 7)"

# kill_after LINES COMMAND...: kill -9 as soon as metrics.jsonl has so many lines.
kill_after() {
    local want=$1 pid
    shift
    "$@" >/dev/null 2>&1 &
    pid=$!
    while kill -0 $pid 2>/dev/null; do
        [ -f parts/metrics.jsonl ] && [ "$(wc -l <parts/metrics.jsonl)" -ge "$want" ] && break
        sleep .01
    done
    kill -9 $pid 2>/dev/null
    wait $pid 2>/dev/null
}

kill_after 2 "$CALR" "$experiment" "${small[@]}" --out parts
contains parts/run.json '"status": "running"'
for at in 4 7 8; do kill_after $at "$CALR" run --resume parts; done
expect 0 "$CALR" run --resume parts
contains parts/run.json '"sessions"' '"status": "finished"'
checks=$((checks + 1)) && cmp whole/metrics.jsonl parts/metrics.jsonl || fault "the metrics differ"
for file in whole/checkpoints/*; do
    checks=$((checks + 1)) && cmp "$file" "parts/checkpoints/${file##*/}" || fault "$file differs"
done

# The record of a program that lacked an option goes on while the option has its default, and not with another value.
cp -r parts older
without='local r = calr.json.decode(calr.sys.read_file "older/run.json") r.status, r.config.rename = "interrupted", nil
    r.config.augment.flip = nil calr.sys.write_file("older/run.json", calr.json.encode(r))'
expect 0 "$CALR" -e "$without"
expect 2 "$CALR" run --resume older augment.flip=0.25
says "augment.flip=0.25 contradicts the resumed run, which has augment.flip=0.5"
expect 0 "$CALR" run --resume older
checks=$((checks + 1)) && cmp whole/metrics.jsonl older/metrics.jsonl || fault "the metrics differ"

# Ctrl-C: 130, the record closed, and how to go on.
"$CALR" "$experiment" "${small[@]}" --out stopped 2>stopped.txt >/dev/null &
pid=$!
while kill -0 $pid 2>/dev/null && ! [ -s stopped/metrics.jsonl ]; do sleep .02; done
kill -INT $pid
wait $pid
status=$?
cp stopped.txt err.txt
holds $status -eq 130
says "calr run --resume stopped"
contains stopped/run.json '"status": "interrupted"'
expect 0 "$CALR" run --resume stopped
checks=$((checks + 1)) && cmp whole/metrics.jsonl stopped/metrics.jsonl || fault "the metrics differ after Ctrl-C"

# A checkpoint of another network, another seed or other data is not gone on with.
rm -r stopped
"$CALR" "$experiment" "${small[@]}" --out stopped >/dev/null 2>&1 &
pid=$!
while kill -0 $pid 2>/dev/null && ! [ -s stopped/metrics.jsonl ]; do sleep .02; done
kill -9 $pid
wait $pid 2>/dev/null
expect 2 "$CALR" run --resume stopped network=resnet18
says "network=resnet18 contradicts the resumed run, which has network=small"
mv street.lmdb kept.lmdb
expect 0 "$CALR" data make street -o street.lmdb --ids 12 --cameras 2 --images 4 --test-ids 8 --distractors 9 --junk 5 --seed 2
expect 2 "$CALR" run --resume stopped
says "the data differ"
finish
