# The pieces and commands of docs/guide/your-own-optimiser.md do what the page says.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
. "$CALR_TEST_SOURCE/tests/cli/guide.sh"
guide=$CALR_TEST_SOURCE/docs/guide/your-own-optimiser.md
mkdir -p build && ln -s "$CALR" build/calr && ln -s "$CALR_TEST_SOURCE/experiments" experiments

piece 1 >lion.lua
tiny=(--ids 8 --cameras 3 --images 3 --test-ids 3 --distractors 2 --junk 1)
small=(height=32 width=16 epochs=3 iterations=2 infomap.min_size=2 infomap.min_similarity=0.0 infomap.k=6 clusters=4
    instances=2)
# shellcheck disable=SC2046
expect 0 "$CALR" $(command_line 1 | sed 's/^build.calr //; s/ --ids 60//') "${tiny[@]}"
for n in 2 3; do
    # shellcheck disable=SC2046
    last_of $(command_line $n) "${small[@]}"
    expect 0 "${words[@]}"
done
contains lion/run.json '"optimizer": "./lion.lua"' '"beta1": 0.9' '"./lion.lua": "'
# shellcheck disable=SC2046
expect 0 $(command_line 4)
prints "beta1=0.9" "beta2=0.99" "./lion.lua"

# ---- in a script
piece 2 >script.lua
expect 0 "$CALR" script.lua
prints " 0  rate 0.000003" " 2  rate 0.000300"

# ---- the state is in the checkpoints: stopped and resumed, the same figures to the last bit
sed 's/^for _, step in \(.*\) do$/for epoch, step in \1 do\n  if epoch == 1 and not calr.sys.exists "again" then error "stop here" end/' \
    experiments/baseline.lua >baseline.lua
own=(data=street.lmdb "${small[@]}" optimizer=./lion.lua lr=1e-3 no_decay=yes max_norm=5 schedule=cosine warmup=1
    lr_by=iteration)
touch again
expect 0 "$CALR" run baseline.lua "${own[@]}" --out whole
rm again
expect 1 "$CALR" run baseline.lua "${own[@]}" --out parts
says "stop here"
touch again
expect 0 "$CALR" run --resume parts
expect 0 cmp whole/metrics.jsonl parts/metrics.jsonl
rm again
expect 1 "$CALR" run baseline.lua "${own[@]}" --out changed
cp lion.lua kept
echo "-- another text" >>lion.lua
expect 2 "$CALR" run --resume changed
says "cannot be resumed: the" "lion" "has changed"
mv kept lion.lua

# ---- what the page says of mistakes
ends='calr.optim.schedule.cosine { lr = 1, total = 5 }'
sed "s/pipeline.epochs(net, data, cfg)/pipeline.epochs(net, data, cfg, { schedule = $ends })/" experiments/baseline.lua \
    >short.lua
last_of data=street.lmdb "${small[@]}" epochs=9
expect 1 "$CALR" run short.lua "${words[@]}"
says "$(grep '^the schedule "cosine" ends' "$guide")"
sed 's/state.m = .*/state.v = g * g/' lion.lua >forgets.lua
expect 1 "$CALR" run experiments/baseline.lua data=street.lmdb "${small[@]}" optimizer=./forgets.lua
says "$(grep '^lion: the state has no "v"' "$guide")"
sed 's/loss:backward()/loss:mul(1e38):mul(1e38):backward()/' script.lua >explodes.lua
expect 1 "$CALR" explodes.lua
says 'lion: the gradient of "' 'at step 1 (lr = 3e-06): the loss, or what leads to it, is not finite. The weights are'
contains "$guide" 'the loss, or what leads to it, is not finite. The weights are untouched. Lower the learning rate, clip'
finish
