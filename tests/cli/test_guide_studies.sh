# The page docs/guide/studies.md does what it says: its Lua is saved under the names it gives, its commands are run in
# their order; on less data and with fewer epochs than the page has, which is all that is added to them.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
guide=$CALR_TEST_SOURCE/docs/guide/studies.md

# Every piece of Lua begins with its file's name.
awk '/^```lua$/ { on = 1; file = ""; next } /^```$/ { on = 0 } on && file == "" { file = $2; sub(":", "", file) }
    on { print > file }' "$guide"
for file in majority idea tune climb hopeless own; do holds -s $file.lua; done

few=(--ids 14 --cameras 3 --images 3 --test-ids 5 --distractors 4 --junk 2 --height 64 --width 32)
small=(height=32 width=16 epochs=2 iterations=2 clusters=4 instances=2 infomap.min_size=2 infomap.min_similarity=0.0)
stage_1=(intra.epochs=1 intra.iterations=2 intra.k1=8 intra.k2=2 intra.clusters_per_batch=4 intra.instances=2)

# command TEXT [WORD...]: the page's command with this text, with words added; its output is in out.txt.
command() {
    local line
    line=$(awk '/^```sh$/ { on = 1; next } /^```$/ { on = 0 } on' "$guide" | grep -Fx -- "build/calr $1")
    holds -n "$line"
    read -ra words <<<"$line"
    shift
    expect "${status_wanted:-0}" "$CALR" "${words[@]:1}" "$@"
}

command "data make street -o street.lmdb --gap 0.25" "${few[@]}"

# Before it runs.
command "study idea.lua --dry-run" "${small[@]}" "${stage_1[@]}"
prints "every camera" "0.0156"
holds ! -e studies/idea/journals

# A misspelt name, before anything runs, with a suggestion.
sed 's/infomap = { k = 12 }/infomap = { kk = 12 }/' idea.lua >misspelt.lua
expect 1 "$CALR" study misspelt.lua --out misspelt
says 'infomap.kk' 'did you mean "infomap.k"'
holds ! -e misspelt/journals

# It runs; killed in the middle, the same command goes on.
env --default-signal=INT "$CALR" study idea.lua --workers 2 --threads 1 "${small[@]}" "${stage_1[@]}" >first.txt 2>&1 &
pid=$! tries=0
until [ "$(cat studies/idea/journals/*.jsonl 2>/dev/null | grep -c '"kind":"end"')" -ge 2 ] || [ $tries -ge 400 ]; do
    tries=$((tries + 1))
    sleep .05
done
kill -INT $pid
wait $pid
status=$?
[ $status -eq 130 ] || fault "interrupted, the study ends with $status, want 130"
command "study idea.lua --workers 2 --threads 1" "${small[@]}" "${stage_1[@]}"
prints "every camera" "no refinement" "pivot"
holds "$(ls stage-1 | wc -l)" -eq 7

# Every trial ended exactly once.
holds "$(cat studies/idea/journals/*.jsonl | grep -c '"state":"finished"')" -eq 21
holds "$(ls studies/idea/claims/*/*.done | wc -l)" -eq 21
command "study idea.lua --workers 2 --threads 1" "${small[@]}" "${stage_1[@]}"
holds "$(cat studies/idea/journals/*.jsonl | grep -c '"state":"finished"')" -eq 21
command "work studies/idea"
command "watch studies/idea"
prints "21"

# Tables: last, label-free and best-on-test figures are columns of their own.
command "table studies/idea --columns mAP,mAP@select,mAP@best"
prints "every camera" "label-free" "best on test"
command "table studies/idea --md"
prints "| every camera |" "mAP"
command "table studies/idea --commands"
again=$(grep -o 'calr study .*--trial [0-9a-f]*' out.txt | head -1)
holds -n "$again"
read -ra words <<<"$again"
expect 0 "$CALR" "${words[@]:1}" --threads 1
command "report studies/idea -o idea.html"
contains idea.html "<html" "every camera"

# A rule that changes makes its rows stale, and those only.
sed -i 's/-1, context.global)/-1, context.global:clone())/' majority.lua
command "study idea.lua --workers 2 --threads 1" "${small[@]}" "${stage_1[@]}"
says "majority.lua has changed"
holds "$(cat studies/idea/journals/*.jsonl | grep -c '"state":"finished"')" -eq 28

# The search; a sampler and a pruner of one's own.
command "study tune.lua --workers 2 --threads 1" "${small[@]}"
holds "$(ls studies/tune/asks/*.json | wc -l)" -ge 12
sed -e 's|sampler = "tpe", trials = 12, confirm = 1|sampler = "./climb.lua", trials = 6|' \
    -e 's|S.asha { min = 1, eta = 2 }|{ "./hopeless.lua", step = 2, loss = -2 }|' -e 's|"tune"|"climb"|' tune.lua >climbing.lua
contains climbing.lua "climb.lua" "hopeless.lua"
expect 0 "$CALR" study climbing.lua "${small[@]}"
holds "$(cat studies/climb/journals/*.jsonl | grep -c '"state":"pruned"')" -eq 6
holds "$(cat studies/climb/journals/*.jsonl | grep -c 'after 2 epochs')" -eq 6

# A function.
command "study own.lua"
prints "0.3" "loss"
finish
