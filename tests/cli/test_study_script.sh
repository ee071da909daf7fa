#!/usr/bin/env bash
# Studies whose trials are runs of a script: the script's options, the run in the trial's folder, going on after a kill
# with the same bits, the figures that the pipeline reports.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
cd "$CALR_TEST_TMP" || exit 1

ended() { cat "$1"/journals/*.jsonl | grep -c '"kind":"end".*"state":"'"$2"'"'; }

expect 0 "$CALR" data make street -o street.lmdb --ids 6 --test-ids 4 --distractors 4 --junk 2 --cameras 3 --images 4 --seed 5

cat >tiny.lua <<'LUA'
local calr = require "calr"
local S = calr.study "tiny" {
  goal = "max mAP", seeds = {1, 2}, script = "calr.lua", select = "max silhouette",
  base = { data = "street.lmdb", height = 32, width = 16, epochs = 4, iterations = 2, clusters = 4, instances = 4,
    eval_every = 1, infomap = { k = 6, min_similarity = .1, min_size = 2 }, ["augment.pad"] = 2,
    intra = { epochs = 2, iterations = 2, clusters_per_batch = 4, k1 = 8 } },
}
S:ablate { {"Baseline", refine = "none", ["alignment.weight"] = 0}, {"CALR"} }
S:run()
S:table { columns = { "mAP", "rank1" }, versus = "Baseline" }
LUA
expect 0 "$CALR" study tiny.lua
holds "$(ended studies/tiny finished)" -eq 4
prints "Baseline" "CALR" "mAP"
holds "$(find studies/tiny/trials -name run.json | wc -l)" -eq 4
holds "$(cat studies/tiny/journals/*.jsonl | grep -c '"kind":"report"')" -eq 16
cat studies/tiny/journals/*.jsonl >journal.txt
contains journal.txt '"silhouette"' '"rank1"'

# the command under a number gives the number
folder=$(dirname "$(find studies/tiny/trials -name run.json | head -1)")
key=$(basename "$(dirname "$(dirname "$folder")")")
expect 0 "$CALR" study tiny.lua --trial "$key"
prints "the same"
holds "$(grep -c differs out.txt)" -eq 0
cmp -s "$folder/metrics.jsonl" studies/tiny/again-"$key"-*/trials/"$key"/1/run/metrics.jsonl
holds $? -eq 0

# killed in each stage, and gone on with: the same bits
"$CALR" study tiny.lua --out killed --seeds 1 --quiet >/dev/null 2>&1 &
pid=$!
for _ in $(seq 400); do
    sleep 0.02
    ls killed/trials/*/1/run/checkpoints/*intra* >/dev/null 2>&1 && break
done
kill -KILL $pid
wait $pid 2>/dev/null
"$CALR" study tiny.lua --out killed --seeds 1 --quiet >/dev/null 2>&1 &
pid=$!
for _ in $(seq 400); do
    sleep 0.02
    ls killed/trials/*/2/run/checkpoints/*inter* >/dev/null 2>&1 && break
done
kill -KILL $pid
wait $pid 2>/dev/null
expect 0 "$CALR" study tiny.lua --out killed --seeds 1
holds "$(ended killed finished)" -eq 2
for run in studies/tiny/trials/*/1/run; do
    key=$(basename "$(dirname "$(dirname "$run")")")
    last=$(find killed/trials/"$key" -path '*/run/metrics.jsonl' 2>/dev/null | sort | tail -1)
    [ -n "$last" ] || continue
    checks=$((checks + 1))
    cmp "$run/metrics.jsonl" "$last" || fault "$key: an interrupted trial ends otherwise"
done
holds "$(find killed/trials -path '*/3/run/run.json' | wc -l)" -ge 1

# options of the script that do not exist, or have another type, are found before anything runs
sed 's/epochs = 4,/epoch = 4,/; s/"tiny"/"wrong"/' tiny.lua >wrong.lua
expect 1 "$CALR" study wrong.lua
says 'no option "epoch"' 'did you mean "epochs"?'
sed 's/epochs = 4,/epochs = "four",/; s/"tiny"/"wrong"/' tiny.lua >wrong.lua
expect 2 "$CALR" study wrong.lua
says '"epochs" must be a whole number'
expect 2 "$CALR" study tiny.lua data=nowhere.lmdb --out wrong
says "no data set nowhere.lmdb"
sed 's/script = "calr.lua"/script = "clar.lua"/; s/"tiny"/"wrong"/' tiny.lua >wrong.lua
expect 2 "$CALR" study wrong.lua
says "no script clar.lua"
holds ! -e studies/wrong

# other data make results stale
expect 0 "$CALR" data make street -o street2.lmdb --ids 6 --test-ids 4 --distractors 4 --junk 2 --cameras 3 --images 4 --seed 6
mv street2.lmdb street.lmdb
expect 0 "$CALR" study tiny.lua --seeds 1
says "4 results are stale" "data"
holds "$(ended studies/tiny finished)" -eq 6

# a collapse is a failed trial with its advice, and the others go on
expect 1 "$CALR" study tiny.lua --out collapsed --seeds 1 infomap.min_similarity=2
says "2 trials failed" "min_similarity"

finish
