# A labelled source beside an unlabelled target: trained on first, measured as direct transfer, resumed; its mistakes.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
small="--cameras 3 --ids 8 --test-ids 6 --distractors 5 --junk 3 --images 4 --gap 0.3"
# shellcheck disable=SC2086
expect 0 "$CALR" data make street -o target.lmdb $small
# shellcheck disable=SC2086
expect 0 "$CALR" data make street -o source.lmdb $small --seed 9
experiments=$CALR_TEST_SOURCE/experiments
options=(data=target.lmdb height=32 width=16 epochs=1 iterations=3 clusters=4 infomap.k=6 infomap.min_size=2
    infomap.min_similarity=0.0 source=source.lmdb source_epochs=3 source_iterations=4 lr=2e-3)
intra=(intra.epochs=1 intra.iterations=2 intra.clusters_per_batch=4 intra.k1=8)

expect 0 "$CALR" run "$experiments/baseline.lua" "${options[@]}" --out plain
says "source: street, " " images of 8 identities" "direct transfer: mAP " "epoch 0: mAP " "result: mAP "
holds "$(grep -c '"stage":"source"' plain/metrics.jsonl)" -eq 3
holds "$(grep -c '"stage":"transfer"' plain/metrics.jsonl)" -eq 1
contains plain/log.txt "source, epoch 2: training "
expect 0 "$CALR" report plain -o plain.html
# The network that stage 2 begins with is the one that was measured.
expect 0 "$CALR" run "$experiments/baseline.lua" "${options[@]}" untrained=true --out asked
transfer=$(grep -o '"transfer":{"mAP":[0-9.]*' asked/metrics.jsonl | cut -d: -f3)
contains asked/metrics.jsonl "\"untrained\":{\"mAP\":$transfer"
# Without a source it is another network.
expect 0 "$CALR" run "$experiments/baseline.lua" "${options[@]/source=source.lmdb/source=}" untrained=true --out alone
holds "$(grep -c '"transfer"\|"stage":"source"' alone/metrics.jsonl)" -eq 0
holds "$(grep -o '"untrained":{"mAP":[0-9.]*' alone/metrics.jsonl | cut -d: -f3)" != "$transfer"

# Both stages of CALR, whole and interrupted after each checkpoint.
cat >stops.lua <<'LUA'
local calr = require "calr"
local stop = calr.sys.exists "stop" and tonumber(calr.sys.read_file "stop")
local count = 0
calr.run.on("checkpoint", function()
  count = count + 1
  if count == stop then error "stopped by the test" end
end)
dofile(calr.sys.paths.experiments .. "/calr.lua")
LUA
expect 0 "$CALR" run stops.lua "${options[@]}" "${intra[@]}" --out whole
for at in 1 2 3 4; do
    echo $at >stop
    expect 1 "$CALR" run stops.lua "${options[@]}" "${intra[@]}" --out "part-$at"
    says "stopped by the test"
    rm stop
    expect 0 "$CALR" run --resume "part-$at"
    checks=$((checks + 1))
    cmp -s "part-$at/metrics.jsonl" whole/metrics.jsonl || fault "stopped at checkpoint $at, the metrics differ"
done
# Another source than the run began with.
echo 1 >stop
expect 1 "$CALR" run stops.lua "${options[@]}" "${intra[@]}" --out changed
rm stop
mv source.lmdb first.lmdb && cp target.lmdb source.lmdb
expect 1 "$CALR" run --resume changed
says "the source has changed since this run began"
mv first.lmdb source.lmdb

expect 1 "$CALR" run "$experiments/baseline.lua" "${options[@]/source=source.lmdb/source=absent.lmdb}" --out absent
says "absent.lmdb"
expect 1 "$CALR" run "$experiments/baseline.lua" "${options[@]/source=source.lmdb/source=./target.lmdb}" --out same
says "source=./target.lmdb is the data set to adapt to"
expect 0 "$CALR" -e 'local f = calr.store.open "target.lmdb"
    local w = calr.store.writer { path = "nameless.lmdb", name = "nameless" }
    for i = 1, 20 do w:add { path = f:path(i), identity = -1, camera = 0, split = "train", bytes = f:jpeg(i) } end
    w:commit()'
expect 1 "$CALR" run "$experiments/baseline.lua" "${options[@]/source=source.lmdb/source=nameless.lmdb}" --out nameless
says "source=nameless.lmdb has 0 identities to train on"
finish
