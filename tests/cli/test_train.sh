# Training by the experiments that come with calr: repeatable, with rules and scripts of one's own, on odd data.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
calr_lua=$CALR_TEST_SOURCE/experiments/calr.lua
baseline=$CALR_TEST_SOURCE/experiments/baseline.lua
tiny="height=32 width=16 epochs=2 iterations=2 clusters=4 instances=4 infomap.k=6 infomap.min_similarity=0.1
    infomap.min_size=2 augment.pad=2"
stage_1="untrained=true intra.epochs=2 intra.iterations=2 intra.clusters_per_batch=4 intra.k1=8"

# train STATUS SCRIPT DIR OPTION...: with the settings of a run that takes no time.
train() {
    local want=$1 script=$2 dir=$3 intra=$stage_1
    shift 3
    [ "$script" = "$baseline" ] && intra=
    # shellcheck disable=SC2086
    last_of $tiny $intra data=street.lmdb "$@"
    expect "$want" "$CALR" run "$script" "${words[@]}" --out "$dir"
}

same() { checks=$((checks + 1)) && cmp "$1/metrics.jsonl" "$2/metrics.jsonl" || fault "the metrics of $1 and $2 differ"; }
other() { checks=$((checks + 1)) && ! cmp -s "$1/metrics.jsonl" "$2/metrics.jsonl" || fault "the metrics of $1 and $2 are the same"; }

expect 0 "$CALR" data make street -o street.lmdb --ids 6 --test-ids 4 --distractors 4 --junk 2 --cameras 3 --images 4 --seed 5

# ---- the same twice, and for any number of workers
train 0 "$baseline" base
train 0 "$baseline" base2 workers=0
same base base2
train 0 "$calr_lua" whole
says "run folder: whole" "stage 1: "
train 0 "$calr_lua" workers0 workers=0
train 0 "$calr_lua" workers2 workers=2
same whole workers0
same whole workers2
train 0 "$calr_lua" seed2 seed=2
other whole seed2
contains whole/metrics.jsonl '"untrained":{"mAP":' '"evaluation":{"mAP":' '"global":{' '"locals":{' '"refined":{' \
    '"discarded":{' '"silhouette":' '"alignment":'
holds "$(grep -c untrained whole/metrics.jsonl)" -eq 1

# ---- refinement: the variants, a rule of one's own and its mistakes
# Without a camera gap, clusters reach over cameras.
expect 0 "$CALR" data make street -o near.lmdb --ids 6 --test-ids 4 --distractors 4 --junk 2 --cameras 3 --images 4 --gap 0
train 0 "$calr_lua" near data=near.lmdb
train 0 "$calr_lua" last data=near.lmdb pivot=last-above-mean
train 0 "$calr_lua" cameras data=near.lmdb pivot=camera-max camera_members=2
train 0 "$calr_lua" cosine data=near.lmdb pace=cosine
train 0 "$calr_lua" none data=near.lmdb refine=none
for dir in last cameras none; do other near $dir; done
holds "$(grep -c '"discarded":{}' none/metrics.jsonl)" -eq 2
cat >drop.lua <<'LUA'
local L = require "calr.labels"
return function(c)
  local weak = L.chance(c.global:numel(), 0.3, { seed = c.seed, epoch = c.epoch, purpose = "mine" })
  return L.where(weak, -1, c.global), { ["by chance"] = weak }
end
LUA
train 0 "$calr_lua" own refine=drop.lua
contains own/metrics.jsonl '"discarded":{"by chance":'
contains own/run.json '"drop.lua": "'
printf 'return function(c)\n  retrun c.global\nend\n' >syntax.lua
train 1 "$calr_lua" syntax refine=syntax.lua
says "syntax.lua:2: " "cannot load the refinement rule"
holds ! -e syntax
printf 'local function deep(c)\n  return c.globl + 1\nend\nreturn function(c)\n  local out = deep(c)\n  return out\nend\n' >wrong.lua
train 1 "$calr_lua" wrong refine=./wrong.lua
says "./wrong.lua:2: a rule's context has no \"globl\" (did you mean \"global\"?)" "./wrong.lua:5" "experiments/calr.lua:"
holds ! -e wrong
sed -i 's/c.globl + 1/c.seed.x + 1/' wrong.lua
train 1 "$calr_lua" wrong refine=./wrong.lua
says "note: the rule ./wrong.lua fails on a made-up epoch: ./wrong.lua:2: attempt to index a number value"
says "./wrong.lua:2: attempt to index a number value (field 'seed')" "./wrong.lua:5" "experiments/calr.lua:"
contains wrong/run.json '"status": "failed"' "wrong.lua:2: attempt to index"
printf 'return function(c) return c.features end\n' >type.lua
train 1 "$calr_lua" type refine=./type.lua
says "the refinement rule ./type.lua must return labels i32[96], not f32[96 x 16] (found on a made-up epoch"
holds ! -e type
printf 'return function(c)\n  return require("calr.labels").where(c.global, -2, c.global)\nend\n' >labels.lua
train 1 "$calr_lua" labels refine=./labels.lua
printf 'return function(c)\n  c.features:fill(0 / 0)\n  return c.global\nend\n' >nan.lua
train 1 "$calr_lua" nan refine=./nan.lua camera_weights_from=-1
says "the loss became NaN in batch 1 of epoch 0 of training"

# ---- options
train 2 "$calr_lua" refused epocs=3
says 'unknown option "epocs" (did you mean "epochs"?)'
train 2 "$calr_lua" refused epochs=many
says 'option "epochs" must be a whole number, like its default 20; "many" is not'
train 2 "$calr_lua" refused alignment.ramp=2
says 'option "alignment.ramp" must be'
train 2 "$calr_lua" refused pivot=min
says 'there are: max, last-above-mean, camera-max'
train 2 "$calr_lua" refused clusters=0
says 'option "clusters" must be 2 or more; 0 is not'
train 2 "$baseline" refused intra.epochs=1
says 'unknown option "intra.epochs"'
train 1 "$calr_lua" refused network=resnet19
says 'there is no network "resnet19" (did you mean "resnet18"?); there are:'
train 1 "$calr_lua" refused refine=pivott
says 'there is no refinement rule "pivott" (did you mean "pivot"?); there are: none, pivot'
train 1 "$calr_lua" refused data=nowhere.lmdb
says 'nowhere.lmdb'
train 1 "$calr_lua" refused ids=0
says 'option "ids" must be a whole number of at least 1'
holds ! -e refused

# ---- odd data: some identities; none; no query and no gallery; no images to train on
train 0 "$calr_lua" ids ids=3
other whole ids
contains ids/run.json '/ids=3'
cat >rewrite.lua <<'LUA'
local calr = require "calr"
local street = calr.data.open "street.lmdb"
local function write(name, splits, identity)
  local writer <close> = calr.store.writer { path = name .. ".lmdb", name = name }
  for _, split in ipairs(splits) do
    local ids, cameras = split:identities(), split:cameras()
    for i = 1, split:count() do
      writer:add { path = split:path(i), split = split:name(), bytes = split:jpeg(i), camera = cameras:get(i),
        identity = identity or ids:get(i) }
    end
  end
  writer:commit()
end
write("anonymous", { street:train(), street:query(), street:gallery() }, -1)
write("train-only", { street:train() })
write("test-only", { street:query(), street:gallery() })
LUA
expect 0 "$CALR" rewrite.lua
train 0 "$calr_lua" anonymous data=anonymous.lmdb
says "note: anonymous is not evaluated: it has 0 query and 0 gallery images of known identity"
holds "$(grep -c evaluation anonymous/metrics.jsonl)" -eq 0
holds "$(grep -c '"global"' anonymous/metrics.jsonl)" -eq 0
train 0 "$baseline" train-only data=train-only.lmdb
says "note: train-only is not evaluated"
for script in "$calr_lua" "$baseline"; do
    train 1 "$script" test-only data=test-only.lmdb
    says "test-only has no images to train on"
    rm -rf test-only
done
train 1 "$calr_lua" anonymous-ids data=anonymous.lmdb ids=2
says "has no identities to choose from (ids=2)"

# ---- a rule's weights by image, and its soft targets, reach the training
for kind in ones thirds soft; do
    cat >weighing.lua <<LUA
local T, L = require "calr.tensor", require "calr.labels"
local weigh = {
  ones = function(n) return T.full({ n }, 1) end,
  thirds = function(n)
    local list = {}
    for i = 1, n do list[i] = i % 3 end
    return T(list)
  end,
  soft = function(n, clusters) return T.full({ n, clusters }, 1 / clusters) end,
}
return function(context)
  local n = context.global:numel()
  return { labels = context.global, weights = weigh.$kind(n, L.clusters(context.global)) }
end
LUA
    train 0 "$calr_lua" "weighed-$kind" refine=./weighing.lua alignment.weight=0 camera_weights_from=-1
done
train 0 "$calr_lua" unweighed refine=none alignment.weight=0 camera_weights_from=-1
losses() { grep -o '"loss":[0-9.]*' "$1/metrics.jsonl" | tail -2 | head -1; }
holds "$(losses weighed-ones)" = "$(losses unweighed)"
holds "$(losses weighed-thirds)" != "$(losses unweighed)"
holds "$(losses weighed-soft)" != "$(losses unweighed)"

# ---- a script of one's own: its errors have its lines
cat >mine.lua <<'LUA'
local calr = require "calr"
local cfg = calr.config(calr.pipeline.defaults { broken = false })
local data = calr.data.open(cfg.data)
local net = calr.pipeline.network(cfg)
local Squared = { clusters = 2, temperature = 1 }
function Squared:loss(features)
  if cfg.broken then return features .. self.labels end
  return calr.mean(features * features)
end
function Squared.update() end
for _, step in calr.pipeline.epochs(net, data, cfg) do
  Squared.labels = data:train():labels()
  step:train(Squared)
end
LUA
train 0 mine.lua mine
contains mine/run.json '"status": "finished"'
train 1 mine.lua broken broken=yes
says "mine.lua:7: .. joins texts" "called from" "mine.lua:13"
contains broken/run.json '"status": "failed"' "mine.lua:7: .. joins texts"
finish
