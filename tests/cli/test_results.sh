# A run says what it came to; data of one camera train; an epoch whose cluster weights are all 0 still learns.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
small="--cameras 3 --ids 12 --test-ids 6 --distractors 5 --junk 3 --images 4"
# shellcheck disable=SC2086
expect 0 "$CALR" data make street -o three.lmdb $small
expect 0 "$CALR" data make street -o one.lmdb --cameras 1 --ids 12 --test-ids 6 --distractors 5 --junk 3 --images 6
experiments=$CALR_TEST_SOURCE/experiments
options=(infomap.k=6 infomap.min_size=2 iterations=3 height=32 width=16)

# ---- results on the terminal and in the log
expect 0 "$CALR" run "$experiments/baseline.lua" data=three.lmdb epochs=2 eval_every=1 untrained=true "${options[@]}" --out plain
for line in "untrained network: mAP " "epoch 0: mAP " "epoch 1: mAP " "result: mAP " "finished: plain/metrics.jsonl" \
    "calr report plain"; do
    says "$line"
    contains plain/log.txt "$line"
done
last=$(grep -o '"mAP":[0-9.]*' plain/metrics.jsonl | tail -1 | cut -d: -f2)
says "$(LC_ALL=C awk -v m="$last" 'BEGIN { printf "result: mAP %.1f %%, rank-1", 100 * m }')"
expect 0 "$CALR" run "$experiments/baseline.lua" data=three.lmdb epochs=1 "${options[@]}" --out hushed --quiet
holds ! -s err.txt
contains hushed/log.txt "result: mAP "

# ---- no epochs: the starting weights are measured, said and recorded
expect 0 "$CALR" run "$experiments/baseline.lua" data=three.lmdb epochs=0 "${options[@]}" --out zero
says "no epochs, the network as it starts: mAP " "result: mAP "
contains zero/metrics.jsonl '"stage":"start"' '"evaluation":{"mAP":'
untrained=$(grep -o '"untrained":{"mAP":[0-9.]*' plain/metrics.jsonl | cut -d: -f3)
contains zero/metrics.jsonl "\"mAP\":$untrained"
expect 0 "$CALR" report zero -o zero.html

# ---- one camera: nothing to rank by the usual rule, and all cluster weights are 0
expect 0 "$CALR" run "$experiments/calr.lua" data=one.lmdb epochs=2 "${options[@]}" intra.epochs=1 intra.iterations=2 \
    camera_weights_from=0 --out one-calr
expect 0 "$CALR" run "$experiments/baseline.lua" data=one.lmdb epochs=2 "${options[@]}" camera_weights_from=0 \
    --out two-baseline
says "note: street is not evaluated: none of its 6 queries has a match in the gallery from another camera" "ignore=junk"
says "warning: epoch 0: every cluster is of one camera" "camera_weights_from=-1"
contains two-baseline/log.txt "is not evaluated" "every cluster is of one camera"
holds "$(grep -c 'every cluster is of one camera' two-baseline/log.txt)" -eq 1
holds "$(grep -c '"loss":0.0[,}]' two-baseline/metrics.jsonl)" -eq 0
holds "$(grep -c '"stage":"inter"' one-calr/metrics.jsonl)" -eq 2
expect 0 "$CALR" run "$experiments/baseline.lua" data=one.lmdb epochs=0 "${options[@]}" ignore=junk --out matched
says "result: mAP "
finish
