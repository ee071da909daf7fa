# The pieces and commands of docs/guide/your-own-loss.md do what the page says.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
. "$CALR_TEST_SOURCE/tests/cli/guide.sh"
guide=$CALR_TEST_SOURCE/docs/guide/your-own-loss.md
mkdir -p build && ln -s "$CALR" build/calr && ln -s "$CALR_TEST_SOURCE/experiments" experiments

piece 1 >cross_camera.lua
piece 2 >try.lua
expect 0 "$CALR" try.lua
# What it prints stands on the page, below the command.
checks=$((checks + 1))
sed -n '/^\$ build\/calr try.lua$/,/^```$/p' "$guide" | sed '1d;$d' | cmp -s - out.txt || fault "try.lua prints something else"

piece 3 >experiment.lua
tiny=(--ids 8 --cameras 3 --images 3 --test-ids 3 --distractors 2 --junk 1)
small=(height=32 width=16 epochs=2 iterations=2 infomap.min_size=2 infomap.min_similarity=0.0 infomap.k=6 clusters=4
    instances=2)
# shellcheck disable=SC2046
expect 0 "$CALR" $(command_line 1 | sed 's/^build.calr //; s/ --ids 60//') "${tiny[@]}"
for n in 2 3; do
    # shellcheck disable=SC2046
    last_of $(command_line $n) "${small[@]}"
    expect 0 "${words[@]}"
done
contains with/metrics.jsonl '"losses":{"across":'
contains without/metrics.jsonl '"losses":{"across":0'
expect 2 "$CALR" run experiment.lua data=street.lmdb across=-1
says 'option "across" must be 0 or more'

piece 4 >learns.lua
expect 0 "$CALR" run learns.lua data=street.lmdb "${small[@]}" --out learns
contains learns/metrics.jsonl '"losses":{"center":'
holds "$(wc -l <experiments/supervised.lua)" -lt 60

# ---- the mistake of the page, with its message
sed -i 's/  return (far - near):softplus():mean()/  return calr.log(far - near):mean()/' cross_camera.lua
expect 1 "$CALR" run experiment.lua data=street.lmdb preset=street "${small[@]}"
says 'the loss "across" became NaN in batch 1 of epoch 0 of training: lower the learning rate (lr=0.001)' \
    'It began at cross_camera.lua:9: log: anomaly: it made NaN at ['
contains "$guide" "$(grep -o ': the loss "across" became .* It began at cross_camera.lua:9: log: anomaly: it made NaN at' err.txt)"
sed -i 's/calr.log(far - near):mean()/far - near/' cross_camera.lua
expect 1 "$CALR" run experiment.lua data=street.lmdb "${small[@]}"
says 'the loss "across" must be a tensor of a single number'
finish
