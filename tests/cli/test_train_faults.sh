# Training that goes wrong: collapse, divergence, Ctrl-C, a full disk, a checkpoint of another network. The record says
# what happened, nothing is half-written, and what can go on goes on to the same bits.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
calr_lua=$CALR_TEST_SOURCE/experiments/calr.lua
tiny="data=street.lmdb height=32 width=16 epochs=3 iterations=2 clusters=4 instances=4 infomap.k=6
    infomap.min_similarity=0.1 infomap.min_size=2 augment.pad=2 intra.epochs=2 intra.iterations=2
    intra.clusters_per_batch=4 intra.k1=8"

# train STATUS DIR OPTION...
train() {
    local want=$1 dir=$2
    shift 2
    # shellcheck disable=SC2086
    last_of $tiny "$@"
    expect "$want" "$CALR" run "$calr_lua" "${words[@]}" --out "$dir"
}

# Nothing half-written, and every line of the metrics and every checkpoint can be read.
whole_files() {
    holds "$(find "$1" -name '*.tmp*' | wc -l)" -eq 0
    expect 0 "$CALR" -e "
        calr.run.metrics '$1'
        for _, file in ipairs(calr.sys.list '$1/checkpoints') do calr.safetensors.load('$1/checkpoints/' .. file) end"
}

same_end() {
    checks=$((checks + 1)) && cmp whole/metrics.jsonl "$1/metrics.jsonl" || fault "the metrics of $1 differ"
    for file in whole/checkpoints/*; do
        checks=$((checks + 1)) && cmp "$file" "$1/checkpoints/${file##*/}" || fault "$1: ${file##*/} differs"
    done
    contains "$1/run.json" '"status": "finished"'
}

expect 0 "$CALR" data make street -o street.lmdb --ids 6 --test-ids 4 --distractors 4 --junk 2 --cameras 3 --images 4 --seed 5

# ---- collapse
train 1 outliers infomap.min_similarity=0.9999
says "epoch 0: no cluster to learn from (" "most images have no neighbours: lower infomap.min_similarity (now 0.9999)"
contains outliers/run.json '"status": "failed"' "no cluster to learn from"
contains outliers/log.txt "failed: " "no cluster to learn from"
holds "$(grep -c '"stage":"inter"' outliers/metrics.jsonl)" -eq 0
whole_files outliers
printf 'local T = require "calr.tensor"\nreturn function(c) return T.zeros({ c.global:numel() }, "i32") end\n' >one.lua
train 1 one refine=./one.lua
says "epoch 0: one cluster only to learn from (0 of" "the images are all alike: raise infomap.min_similarity"
printf 'local T = require "calr.tensor"\nreturn function(c) return T.full({ c.global:numel() }, -1, "i32") end\n' >none.lua
train 1 none refine=./none.lua
says "epoch 0: no cluster to learn from"

# ---- divergence, at once and later: the checkpoint before it stays
# (Without the weights, by which batches of one-camera clusters have the loss 0, whatever the features are.)
train 1 diverged lr=1e30 pooling=average camera_weights_from=-1
says "the loss became NaN in batch 2 of epoch 0 of training: lower the learning rate (lr=1e+30)"
contains diverged/run.json '"status": "failed"' "the loss became NaN in batch 2 of epoch 0"
whole_files diverged
train 1 late lr_every=2 lr_factor=1e33 pooling=average
says "of epoch 2 of training: lower the learning rate" "the last checkpoint is untouched" "calr run --resume late"
holds "$(grep -c '"stage":"inter"' late/metrics.jsonl)" -eq 2
holds "$(ls late/checkpoints | grep -c inter)" -eq 2
whole_files late
expect 1 "$CALR" run --resume late
says "of epoch 2 of training: lower the learning rate"
holds "$(grep -c '"stage":"inter"' late/metrics.jsonl)" -eq 2

# ---- Ctrl-C in stage 1 and in stage 2
train 0 whole
# interrupt DIR PATTERN: starts or goes on with a run, and interrupts it once its metrics hold the pattern.
interrupt() {
    if [ -e "$1/run.json" ]; then
        "$CALR" run --resume "$1" >out.txt 2>err.txt &
    else
        # shellcheck disable=SC2086
        "$CALR" run "$calr_lua" $tiny --out "$1" >out.txt 2>err.txt &
    fi
    local pid=$! tries=0
    until grep -q "$2" "$1/metrics.jsonl" 2>/dev/null; do
        tries=$((tries + 1))
        [ $tries -lt 2000 ] || break
        sleep .005
    done
    kill -INT $pid
    wait $pid
    status=$?
    checks=$((checks + 1))
    [ $status -eq 130 ] || fault "interrupted, it ends with $status, want 130"
}
interrupt stopped '"stage":"intra"'
says "calr: interrupted" "calr run --resume stopped"
contains stopped/run.json '"status": "interrupted"'
whole_files stopped
interrupt stopped '"stage":"inter"'
says "calr: interrupted" "calr run --resume stopped"
contains stopped/run.json '"status": "interrupted"'
whole_files stopped
expect 0 "$CALR" run --resume stopped
same_end stopped

# ---- a full disk: the checkpoints do not fit, and those that are there stay
expect 1 bash -c "ulimit -f 500; exec '$CALR' run '$calr_lua' ${tiny//$'\n'/ } --out full"
says "full/checkpoints/000001-intra.safetensors" "File too large"
contains full/run.json '"status": "failed"' "File too large"
holds "$(ls full/checkpoints | wc -l)" -eq 0
whole_files full
expect 0 "$CALR" run --resume full
same_end full
interrupt filled '"stage":"inter"'
ls -l filled/checkpoints >before.txt
expect 1 bash -c "ulimit -f 500; exec '$CALR' run --resume filled"
says "filled/checkpoints/" "File too large" "calr run --resume filled"
contains filled/run.json '"status": "failed"'
ls -l filled/checkpoints >after.txt
checks=$((checks + 1)) && cmp before.txt after.txt || fault "the checkpoints are not those from before the disk was full"
whole_files filled
expect 0 "$CALR" run --resume filled
same_end filled

# ---- a checkpoint of another network
interrupt another '"stage":"inter"'
expect 2 "$CALR" run --resume another network=resnet18
says "network=resnet18 contradicts the resumed run, which has network=small"
expect 2 "$CALR" run --resume another seed=2
says "seed=2 contradicts"
cat >width.lua <<'LUA'
-- The width is not an option, so the record does not know that it has changed.
local calr = require "calr"
local cfg = calr.config(calr.pipeline.defaults({}, { "refine", "pivot", "camera_members", "pace", "intra" }))
local data = calr.data.open(cfg.data)
local net = calr.models.small { width = tonumber(os.getenv "WIDTH"), seed = cfg.seed }
for epoch, step in calr.pipeline.epochs(net, data, cfg) do
  if epoch == 1 and os.getenv "FAIL" then error "stop here" end
  local features = step:features()
  step:train(calr.memory.cluster { features = features, labels = calr.cluster.infomap(features, cfg.infomap) })
end
LUA
two="data=street.lmdb height=32 width=16 epochs=3 iterations=2 clusters=4 infomap.k=6 infomap.min_similarity=0.1 infomap.min_size=2"
# shellcheck disable=SC2086
expect 1 env WIDTH=4 FAIL=1 "$CALR" run width.lua $two --out wide
says "width.lua:7: stop here" "calr run --resume wide"
expect 1 env WIDTH=6 "$CALR" run --resume wide
says "a checkpoint in wide/checkpoints does not fit: this is the state of another network: "
whole_files wide
expect 0 env WIDTH=4 "$CALR" run --resume wide
contains wide/run.json '"status": "finished"'
finish
