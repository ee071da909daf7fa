# The pieces of docs/guide/your-own-memory.md do what the page says.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
. "$CALR_TEST_SOURCE/tests/cli/guide.sh"
guide=$CALR_TEST_SOURCE/docs/guide/your-own-memory.md

expect 0 "$CALR" data make street -o street.lmdb --ids 8 --cameras 3 --images 3 --test-ids 3 --distractors 2 --junk 1 --gap 0.25
small=(data=street.lmdb height=32 width=16 epochs=2 iterations=2 infomap.min_size=2 infomap.min_similarity=0.0
    infomap.k=6 clusters=4 instances=2)
piece 1 >experiment.lua
expect 0 "$CALR" experiment.lua "${small[@]}" --out plain
contains plain/metrics.jsonl '"loss":'

# trained N NAME: the experiment with the N-th piece in the place of its last step, in a folder of its own.
trained() {
    { sed '/step:train/,$d' experiment.lua; piece "$1"; echo end; } >"$2.lua"
    expect 0 "$CALR" "$2.lua" "${small[@]}" --out "$2"
}
piece 2 >taught.lua
trained 3 with_teacher
holds "$(grep -c '"loss":' with_teacher/metrics.jsonl)" -eq 2
{ sed '/step:train/,$d' experiment.lua; echo '  step:train(dofile "taught.lua"(features, labels)) end'; } >untaught.lua
expect 1 "$CALR" untaught.lua "${small[@]}" --out untaught
says "$(grep '^step:train: the memory needs' "$guide")"
trained 4 hybrid
contains hybrid/metrics.jsonl '"outliers":0'
{
    sed '/step:train/,$d; s/for _, step/for epoch, step/' experiment.lua
    echo 'local memory = calr.memory.cluster { features = features, labels = labels }'
    piece 5
    echo end
} >warm.lua
last_of "${small[@]}" epochs=5
expect 0 "$CALR" warm.lua "${words[@]}" --out warm
holds "$(grep -c '"losses":{"size":' warm/metrics.jsonl)" -eq 1
{ sed '/^local Plain/,$d' experiment.lua; piece 6; } >queue.lua
expect 0 "$CALR" queue.lua "${small[@]}" --out queue
holds "$(grep -c 'outlives an epoch' queue/log.txt)" -eq 0
finish
