# The pieces of docs/guide/refinement-rules.md do what the page says.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
guide=$CALR_TEST_SOURCE/docs/guide/refinement-rules.md
mkdir -p build && ln -s "$CALR" build/calr && ln -s "$CALR_TEST_SOURCE/experiments" experiments

# The page's run, with the settings of one that takes no time.
expect 0 "$CALR" data make street -o street.lmdb --ids 6 --test-ids 4 --distractors 4 --junk 2 --cameras 3 --images 4 --gap 0.25
small=(height=32 width=16 epochs=5 iterations=2 clusters=4 instances=2 infomap.k=6 infomap.min_size=2 infomap.min_similarity=0.0
    intra.epochs=1 intra.iterations=2 intra.k1=8 intra.k2=2 intra.clusters_per_batch=4 intra.instances=2)
run_line=$(grep '^build/calr run .*snapshot_every=5' "$guide")
# shellcheck disable=SC2086
expect 0 $run_line "${small[@]}"
holds -f run/snapshots/epoch-004.safetensors

awk '/^```lua$/ { on = 1; next } /^```$/ { on = 0 } on' "$guide" >sure.lua
commands=0
while IFS= read -r line; do
    commands=$((commands + 1))
    line=${line%%#*}
    # shellcheck disable=SC2086
    expect 0 ${line%--watch*}
    cp out.txt "out-$commands.txt"
done < <(grep '^build/calr refine' "$guide")
holds $commands -eq 5
contains out-1.txt "epoch 4 of 5 on street" "camera_proxy"
contains out-3.txt "purity min_purity=0.6" "camera 2, "
contains table.md "| rule | P | R | F |"
contains out-5.txt "sure.lua share=0.8"

# Every rule that comes with calr is in the page's table, and the rule of the page trains.
expect 0 "$CALR" refine --help
while read -r name _; do
    contains "$guide" "| \`$name\` |"
done < <(sed '1,/^rules:/d' out.txt)
expect 0 "$CALR" run experiments/calr.lua data=street.lmdb refine=./sure.lua "${small[@]}" --out own
contains own/metrics.jsonl '"discarded":{"less than its share of the best score":'
finish
