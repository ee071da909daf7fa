# Snapshots of training runs, and `calr refine`, which tries rules on them.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
tiny=(height=32 width=16 epochs=3 iterations=2 clusters=4 instances=4 infomap.k=6 infomap.min_similarity=0.1 infomap.min_size=2
    augment.pad=2 data=street.lmdb)
stage_1=(intra.epochs=1 intra.iterations=2 intra.clusters_per_batch=4 intra.k1=8)
experiment=$CALR_TEST_SOURCE/experiments/calr.lua
expect 0 "$CALR" data make street -o street.lmdb --ids 6 --test-ids 4 --distractors 4 --junk 2 --cameras 3 --images 4 --seed 5 --gap 0

same() { checks=$((checks + 1)) && cmp "$1" "$2" || fault "$1 and $2 differ"; }

# ---- runs with snapshots: of the epochs that are asked for and the last; nothing else changes
expect 0 "$CALR" run "$experiment" "${tiny[@]}" "${stage_1[@]}" --out plain
holds ! -e plain/snapshots
expect 2 "$CALR" refine plain pivot
says "the run in plain has no snapshots: train with snapshot_every=5"
expect 0 "$CALR" run "$experiment" "${tiny[@]}" "${stage_1[@]}" snapshot_every=2 --out run
same plain/metrics.jsonl run/metrics.jsonl
holds "$(ls run/snapshots | tr '\n' ' ')" = "epoch-001.safetensors epoch-002.safetensors "
expect 2 "$CALR" run "$experiment" "${tiny[@]}" snapshot_every=-1
says 'option "snapshot_every" must be 0 or more'

# ---- an interrupted run leaves the same snapshots
sed 's/  step:train(/  if epoch == 1 and not calr.sys.exists "again" then error "stop here" end\n&/' "$experiment" >stops.lua
expect 1 "$CALR" run stops.lua "${tiny[@]}" "${stage_1[@]}" snapshot_every=1 --out stopped
says "stop here"
touch again stopped/snapshots/epoch-001.safetensors.tmp-1
expect 0 "$CALR" run --resume stopped
holds "$(ls stopped/snapshots | wc -l)" -eq 3
same stopped/metrics.jsonl plain/metrics.jsonl
expect 0 "$CALR" refine stopped/snapshots/epoch-001.safetensors --json
sed 's/"seconds": .*//; s/"snapshot": .*//' out.txt >stopped.json
expect 0 "$CALR" refine run/snapshots/epoch-001.safetensors --json
sed 's/"seconds": .*//; s/"snapshot": .*//' out.txt >run.json
same stopped.json run.json

# ---- a script of one's own that saves when it likes; one that never does is told so
cat >own.lua <<'LUA'
local calr = require "calr"
local cfg  = calr.config(calr.pipeline.defaults {})
local data = calr.data.open(cfg.data)
local net  = calr.pipeline.network(cfg)
for epoch, step in calr.pipeline.epochs(net, data, cfg) do
  local features = step:features()
  local labels   = calr.cluster.infomap(features, cfg.infomap)
  if os.getenv "SAVE" and epoch == 0 then print(step:snapshot({ global = labels, features = features }, { always = true })) end
  step:train(calr.memory.cluster { features = features, labels = labels })
end
LUA
expect 0 "$CALR" own.lua "${tiny[@]}" snapshot_every=1 --out silent
says "note: there are no snapshots: the script does not call step:snapshot"
holds "$(grep -c 'no snapshots' err.txt)" -eq 1
expect 0 env SAVE=1 "$CALR" own.lua "${tiny[@]}" --out own
prints "own/snapshots/epoch-000.safetensors"
expect 0 "$CALR" refine own camera_proxy
expect 1 "$CALR" refine own local_split purity
says "rule local_split: the snapshot has no local clusters (context.locals): its run had no stage 1"
prints "purity"
expect 0 "$CALR" run "$CALR_TEST_SOURCE/experiments/baseline.lua" "${tiny[@]}" snapshot_every=3 --out base
expect 1 "$CALR" refine base recorded
says "rule recorded: the snapshot has no labels refined by a rule of the run"
expect 0 "$CALR" refine base self_paced merge
prints "no refinement" "self_paced" "merge"

# ---- rules, options, formats
expect 0 "$CALR" refine run
prints "run/snapshots/epoch-002.safetensors: epoch 2 of 3 on street, 67 images under 3 cameras, 6 identities" "no refinement" \
    "pivot" "purity" "camera_proxy" "self_paced" "local_split" "merge" "why images were discarded" "misplaced"
expect 0 "$CALR" refine run pivot=camera-max pivot pivot camera_members=2 pivot pace=cosine epoch=1 --by-camera
prints "pivot camera_members=2" "pivot epoch=1 pace=cosine" "camera 2, "
expect 0 "$CALR" refine run purity min_purity=0.0 --csv
holds "$(awk -F, 'NR == 3 { print $NF + 0 }' out.txt)" -eq 0
holds "$(head -1 out.txt | cut -d, -f1-4)" = "rule,camera,images,precision"
expect 0 "$CALR" refine run pivot -o table.md
contains table.md "| rule | P | R | F |" "| no refinement |"
expect 0 "$CALR" refine run pivot --outliers ignore --json
prints '"outliers_count_as": "ignore"' '"difference"' '"misplaced"'
expect 0 "$CALR" refine --help
prints "usage: calr refine" "camera_proxy"

# ---- mistakes of the caller
expect 2 "$CALR" refine
says "which snapshot?"
expect 2 "$CALR" refine absent pivot
says "there is no snapshot or run folder absent"
expect 2 "$CALR" refine run pivt
says 'there is no refinement rule "pivt" (did you mean pivot?)'
expect 2 "$CALR" refine run pivot --md --csv
says "cannot be combined"
expect 2 "$CALR" refine run pivot --outliers none
says "--outliers must be singletons or ignore"
expect 2 "$CALR" refine run pivot --outlier ignore
says "did you mean --outliers?"
expect 2 "$CALR" refine run purity min_purity=much
says 'option "min_purity" must be a number, like its default 0.5; "much" is not'
expect 2 "$CALR" refine run purity min_purity=1.5
says 'option "min_purity" must be 0 to 1; 1.5 is not'
expect 2 "$CALR" refine run purity mini_purity=0.3
says 'rule purity never reads the option "mini_purity" (did you mean "min_purity"?)'
expect 2 "$CALR" refine run merge_similarty=0.3 merge purity
says 'no rule reads the option "merge_similarty" (did you mean "merge_similarity"?)'
expect 2 "$CALR" refine run pivot pivot=min
says 'option "pivot" has no choice "min" (did you mean "max"?); there are: max, last-above-mean, camera-max, last-camera'
expect 2 "$CALR" refine run pivot pace=slow
says 'option "pace" has no choice "slow"; there are: always, cosine, or the path of a pace of your own'
echo nonsense >broken.safetensors
expect 1 "$CALR" refine broken.safetensors pivot
says "broken.safetensors"

# ---- a rule of one's own, its reasons and its mistakes, with the line first
cat >weak.lua <<'LUA'
local calr, margin = require "calr", require "margin"

return function(c)
  local weak = c.scores:lt(c.options.weakest or margin)
  return calr.where(weak, -1, c.global), { ["weak"] = weak }
end
LUA
echo "return 1000" >margin.lua
expect 0 "$CALR" refine run ./weak.lua ./weak.lua weakest=0
prints "./weak.lua weakest=0" "weak "
sed 's/where(weak/where(week/' weak.lua >wrong.lua
expect 1 "$CALR" refine run wrong.lua pivot
says "calr: wrong.lua:5: "
prints "pivot"
printf 'return function(c)\n  retrun 1\nend\n' >syntax.lua
expect 1 "$CALR" refine run syntax.lua
says "syntax.lua:2: "
echo 'return function() return nil end' >nothing.lua
expect 1 "$CALR" refine run nothing.lua
says "rule nothing.lua: the refinement rule nothing.lua must return labels i32[67], not nil"
echo 'return 3' >number.lua
expect 1 "$CALR" refine run number.lua
says "number.lua must return a function(context), or { options = {...}, apply = function(context) ... end }, and returns a number"
expect 1 "$CALR" refine run ./absent.lua
says "absent.lua"

# The reasons of the run's own rule are in its metrics and its snapshots.
cat >drop.lua <<'LUA'
local rng = require "calr.rng"
return function(c)
  local some = rng.chance(c.global:numel(), 0.2, { seed = 4, purpose = "drop" })
  return require("calr").where(some, -1, c.global), { ["by chance"] = some }
end
LUA
last_of run "$experiment" "${tiny[@]}" "${stage_1[@]}" refine=./drop.lua epochs=1 snapshot_every=1 --out dropped
expect 0 "$CALR" "${words[@]}"
contains dropped/metrics.jsonl '"discarded":{'
expect 0 "$CALR" -e 'local s = require "calr.pipeline.snapshot".load "dropped/snapshots/epoch-000.safetensors"
    local gone = s.global:ge(0) & s.refined:lt(0)
    for i, text in ipairs(s.reasons) do print(text, s.reason:eq(i - 1):count_nonzero():item()) end
    print("all", gone:equal(s.reason:ge(0)))'
prints "by chance" "all	true"
count=$(awk '/by chance/ { print $NF }' out.txt)
contains dropped/metrics.jsonl "\"by chance\":$count"
expect 0 "$CALR" refine dropped recorded ./drop.lua
prints "recorded" "by chance"
holds "$(grep 'by chance' out.txt | awk '{ print $4 }' | sort -u | wc -l)" -eq 1
expect 0 "$CALR" refine dropped
prints "recorded"

# ---- an option that a rule declares is known wherever the rule is named
cat >share.lua <<'LUA'
local rng, option = require "calr.rng", require("calr.config").option
return {
  options = { share = option(0.5, "of the images that stay", { 0, 1 }) },
  apply = function(c)
    local gone = rng.chance(c.global:numel(), 1 - c.options.share, { seed = 4, purpose = "share" })
    return { labels = require("calr").where(gone, -1, c.global), reasons = { ["not of the share"] = gone } }
  end,
}
LUA
expect 0 "$CALR" run "$experiment" refine=./share.lua --help
prints "share=0.5" "./share.lua: of the images that stay [0 to 1]"
expect 2 "$CALR" run "$experiment" "${tiny[@]}" refine=./share.lua share=1.5
says 'option "share" must be 0 to 1; 1.5 is not'
expect 2 "$CALR" run "$experiment" "${tiny[@]}" share=0.9
says 'unknown option "share"'
last_of run "$experiment" "${tiny[@]}" "${stage_1[@]}" refine=./share.lua share=0.9 intra.cache=cache epochs=1 --out shared
expect 0 "$CALR" "${words[@]}"
contains shared/run.json '"share": 0.9'
contains shared/metrics.jsonl '"not of the share":'
last_of run "$experiment" "${tiny[@]}" "${stage_1[@]}" refine=./share.lua share=0.8 intra.cache=cache epochs=1 --out again_shared
expect 0 "$CALR" "${words[@]}"
contains again_shared/log.txt "stage 1: found in cache"
expect 2 "$CALR" run "$CALR_TEST_SOURCE/experiments/baseline.lua" min_purity=0.4
says 'unknown option "min_purity"'
expect 0 "$CALR" refine run ./share.lua ./share.lua share=0
prints "./share.lua share=0"
expect 2 "$CALR" refine run ./share.lua share=2
says 'option "share" must be 0 to 1; 2.0 is not'
sed 's/share = option/epochs = option/' share.lua >taken.lua
expect 2 "$CALR" run "$experiment" refine=./taken.lua
says './taken.lua declares the option "epochs", which already exists; give it another name'
cat >shares.lua <<'LUA'
local calr = require "calr"
local S = calr.study "shares" { goal = "max mAP", script = "calr.lua", base = { data = "street.lmdb" } }
S:ablate { { "all" }, { "most", refine = "./share.lua", share = tonumber(os.getenv "SHARE") } }
S:run()
LUA
expect 0 env SHARE=0.9 "$CALR" study shares.lua --dry-run
prints "most" "share"
expect 1 env SHARE=0.9 "$CALR" study <(sed 's/refine = "..share.lua", //' shares.lua) --dry-run
says 'there is no option "share"'

# ---- compat=authors: the slips of the authors' code, each an option of its own
last_of run "$experiment" "${tiny[@]}" "${stage_1[@]}" compat=authors singles=skip epochs=1 --out authors
expect 0 "$CALR" "${words[@]}"
contains authors/run.json '"pivot": "last-above-mean"' '"lone_clusters": "negative"' '"singles": "skip"' '"double_softmax": true'
last_of run "$CALR_TEST_SOURCE/experiments/baseline.lua" "${tiny[@]}" compat=authors epochs=1 --out authors_base
expect 0 "$CALR" "${words[@]}"
contains authors_base/run.json '"singles": "shift"'
expect 2 "$CALR" run "$experiment" compat=author
says 'option "compat" has no choice "author" (did you mean "authors"?); there are: none, authors'

# ---- --watch: measures again when the rule or its module changes, and survives mistakes
"$CALR" refine run ./weak.lua --csv --watch >watched.txt 2>watch.err &
watcher=$!
# appears FILE TEXT COUNT: waits until the text stands COUNT times in the file.
appears() {
    checks=$((checks + 1))
    for _ in $(seq 300); do
        [ "$(grep -cF -- "$2" "$1")" -ge "$3" ] && return
        sleep 0.1
    done
    status=- && fault "$1 never has $3 times: $2"
}
appears watch.err "waiting for a change" 1
appears watched.txt "weak.lua,," 1
echo "return 0" >margin.lua
appears watch.err "waiting for a change" 2
appears watched.txt "weak.lua,," 2
holds "$(grep -F weak.lua,, watched.txt | sort -u | wc -l)" -eq 2
contains watch.err "./margin.lua has changed"
cp wrong.lua weak.lua
appears watch.err "waiting for a change" 3
contains watch.err "./weak.lua:5: "
echo 'return function(c) return c.global end' >weak.lua
appears watch.err "waiting for a change" 4
appears watched.txt "weak.lua,," 3
kill -INT $watcher
checks=$((checks + 1))
wait $watcher
status=$?
[ $status -eq 130 ] || fault "--watch ends with $status after Ctrl-C"
finish
