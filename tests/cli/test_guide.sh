# The pieces of docs/guide/first-experiment.md do what the page says.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
. "$CALR_TEST_SOURCE/tests/cli/guide.sh"
guide=$CALR_TEST_SOURCE/docs/guide/first-experiment.md

expect 0 "$CALR" data make street -o street.lmdb --ids 12 --cameras 2 --images 4 --test-ids 8 --distractors 9 --junk 5
piece 1 >first.lua
holds "$(wc -l <first.lua)" -eq 11
expect 0 "$CALR" first.lua
prints "images, F 0."
expect 0 "$CALR" first.lua infomap.k=20 seed=2 --out second
contains second/run.json '"infomap.k": 20' '"seed": 2'
contains second/metrics.jsonl '"precision":'
expect 0 "$CALR" first.lua --help
prints "infomap.k=15" "neighbours in the graph"

# A rule of one's own in a real experiment, small; a mistake in it is reported with its line.
piece 3 >strict.lua
contains strict.lua "return function(context)"
small=(data=street.lmdb height=32 width=16 epochs=2 iterations=2 intra.epochs=1 intra.iterations=2 intra.k1=8 intra.k2=2 infomap.min_size=2
    infomap.min_similarity=0.0 infomap.k=6 clusters=4 instances=2 intra.clusters_per_batch=4 intra.instances=2)
experiment=$CALR_TEST_SOURCE/experiments/calr.lua
expect 0 "$CALR" "$experiment" "${small[@]}" refine=./strict.lua --out ruled
contains ruled/run.json '"status": "finished"' "strict.lua"
contains ruled/metrics.jsonl "below the mean score"
sed 's/= context.scores/= context.scoers/' strict.lua >wrong.lua
expect 1 "$CALR" "$experiment" "${small[@]}" refine=./wrong.lua --out wrong
says "wrong.lua:5:"
printf 'local x = = 1\n' >syntax.lua
expect 1 "$CALR" "$experiment" "${small[@]}" refine=./syntax.lua --out syntax
says "syntax.lua:1: unexpected symbol near '='"
expect 1 "$CALR" "$experiment" "${small[@]}" refine=pivt --out pivt
says 'no refinement rule "pivt" (did you mean "pivot"?); there are:'

# A gradient of one's own: what the page prints.
piece 4 >swish.lua
expect 0 "$CALR" swish.lua
awk '/^\$ build\/calr swish.lua$/ { on = 1; next } /^```$/ { on = 0 } on' "$guide" >swish.txt
holds "$(wc -l <swish.txt)" -eq 6
expect 0 diff swish.txt <("$CALR" swish.lua)

# Options of one's own.
{
    echo 'local calr = require "calr"'
    piece 5
    echo 'print(cfg.epochs, cfg.margin, cfg.mining)'
} >own.lua
expect 0 "$CALR" own.lua mining=all
prints "10	0.3	all"
expect 2 "$CALR" own.lua mining=al
says "there are: hard, all"
expect 2 "$CALR" own.lua margin=1.5
says 'option "margin" must be 0 to 1; 1.5 is not'
finish
