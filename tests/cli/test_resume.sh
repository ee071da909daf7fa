# kill -9 at any moment, in either stage: resumed, a run ends with the same metrics and weights, bit by bit.
set -u
fail() { echo "FAIL $*"; exit 1; }

"$CALR" data make street -o street.lmdb --ids 8 --test-ids 6 --distractors 8 --junk 4 --cameras 3 --seed 5 > make.txt 2>&1 || { cat make.txt; fail "data make"; }
options="data=street.lmdb height=32 width=16 epochs=3 iterations=4 clusters=4 instances=4 intra.epochs=2
    intra.iterations=3 intra.clusters_per_batch=4 intra.k1=8 infomap.k=6 infomap.min_similarity=0.1
    infomap.min_size=2 augment.pad=2 seed=7"
script=$CALR_TEST_SOURCE/experiments/calr.lua

# shellcheck disable=SC2086
"$CALR" run "$script" $options --out whole > whole.txt 2>&1 || { cat whole.txt; fail "the uninterrupted run"; }
[ "$(grep -c '"stage":"intra"' whole/metrics.jsonl)" -eq 6 ] || fail "three cameras x two epochs of stage 1"
[ "$(grep -c '"stage":"inter"' whole/metrics.jsonl)" -eq 3 ] || fail "three epochs of stage 2"

kills=0
for attempt in $(seq 1 200); do
    # Delays from 0.1 s up: the first ones kill before the first checkpoint, later ones get further.
    delay=$(awk -v a="$attempt" 'BEGIN { printf "%.2f", 0.1 + 0.13 * (a % 9) + 0.02 * a }')
    if [ -e killed/run.json ]; then
        "$CALR" run --resume killed > resumed.txt 2>&1 &
    else
        # shellcheck disable=SC2086
        "$CALR" run "$script" $options --out killed > resumed.txt 2>&1 &
    fi
    sleep "$delay"
    kill -9 $! 2> /dev/null
    wait $! 2> /dev/null
    status=$?
    [ $status -eq 0 ] && break
    [ $status -eq 137 ] || { cat resumed.txt; fail "exit status $status"; }
    kills=$((kills + 1))
done
[ $status -eq 0 ] || fail "never finished"
[ $kills -ge 3 ] || fail "only $kills kills: nothing was tested"
cmp whole/metrics.jsonl killed/metrics.jsonl || fail "metrics differ"
for file in whole/checkpoints/*; do
    cmp "$file" "killed/checkpoints/$(basename "$file")" || fail "weights differ"
done
[ "$(ls whole/checkpoints)" = "$(ls killed/checkpoints)" ] || fail "other checkpoints"
echo "ok   killed $kills times: the same metrics and weights"

"$CALR" run --resume killed > again.txt 2>&1 && fail "a finished run was resumed"
grep -q finished again.txt || fail "the message does not say that the run is finished"
# shellcheck disable=SC2086
"$CALR" run "$script" $options --out whole > again.txt 2>&1 && fail "a second run in one folder"
grep -q "finished run" again.txt || { cat again.txt; fail "the message does not say why the folder is refused"; }
echo "5 passed, 0 failed"
