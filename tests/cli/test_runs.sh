# A run folder: complete, never overwritten, resumed to the same bits after kill -9, honest when interrupted.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"

# Two stages of "training": the state is a tensor that random numbers are added to.
cat >train.lua <<'LUA'
local calr = require "calr"
local cfg = calr.config { epochs = 6, pause = 0.0, seed = 1, nan = false, width = 4, big = 0, rule = "", infomap = { k = 15 } }
local w = calr.tensor.zeros { 3, cfg.width }
local run <close> = calr.run.open { config = cfg, data = os.getenv "DATA" or "fingerprint", network = { w = w } }
for _, stage in ipairs { "intra", "inter" } do
  local tensors, state = run:restore(stage)
  if tensors then w:copy(tensors.w) end
  for epoch = (state and state.epoch or 0) + 1, cfg.epochs do
    local rng = calr.rng.open { seed = cfg.seed, purpose = stage, epoch = epoch }
    w:copy(calr.ops.add(w, rng:fill_normal(calr.tensor.zeros { 3, cfg.width })))
    run:metric { stage = stage, epoch = epoch, first = w:get(1, 1), loss = cfg.nan and 0 / 0 or 1 / epoch }
    calr.sys.sleep(cfg.pause)
    run:checkpoint(stage, { tensors = { w = w, big = calr.tensor.zeros { cfg.big } }, state = { epoch = epoch } })
    if epoch == 2 then io.stderr:write "past two\n" end
  end
end
run:finish { first = w:get(1, 1) }
LUA

# ---- a whole run
expect 0 "$CALR" run train.lua --out whole infomap.k=20
says "run folder: whole"
for file in run.json metrics.jsonl timing.jsonl log.txt; do holds -s whole/$file; done
holds "$(wc -l <whole/metrics.jsonl)" -eq 12
holds "$(ls whole/checkpoints | wc -l)" -eq 4
contains whole/run.json '"status": "finished"' '"infomap.k": 20' '"fingerprint": "fingerprint"' '"threads": 2' \
    '"processors"' '"hash"' '"summary"' '"seed": 1' "$PWD/train.lua"
expect 2 "$CALR" run train.lua --out whole
says "whole holds a finished run; choose another folder with --out"
expect 2 "$CALR" run --resume whole
says "the run in whole is finished"

# ---- a folder with what another run has left, and no run.json: a new run would add to it, so it is refused
for part in metrics.jsonl checkpoints/000001-inter.safetensors model.safetensors log.txt labels/epoch-000.safetensors; do
    mkdir -p "left/$(dirname "$part")" && echo old >"left/$part"
    expect 2 "$CALR" run train.lua --out left
    says "left holds ${part%%/*} of another run, and no run.json that says of which"
    holds "$(cat "left/$part")" = old
    expect 2 "$CALR" run train.lua --out left --dry-run
    says "left holds ${part%%/*} of another run"
    rm -r left
done
mkdir -p early/checkpoints && touch early/log.txt early/.lock early/notes.txt # killed before it wrote run.json
expect 0 "$CALR" run train.lua --out early infomap.k=20
expect 0 cmp early/metrics.jsonl whole/metrics.jsonl
expect 2 "$CALR" run --resume nowhere
says "there is no run folder nowhere"
mkdir empty
expect 2 "$CALR" run --resume empty
says "it has no run.json"
expect 0 "$CALR" run train.lua --quiet
holds "$(grep -c 'run folder' err.txt)" -eq 0
expect 0 "$CALR" run train.lua --quiet
holds "$(ls runs | grep -c '^train-[0-9]*-[0-9]*-[0-9]*$')" -eq 2

# ---- killed again and again, it ends with the same bits

# strike FOLDER SECONDS COMMAND...: runs it, and kills it so long after it has written another checkpoint into the run
# folder. A kill waits for progress, not for a time that a busy machine may need to start.
newest() { find "$1/checkpoints" -name '*.safetensors' 2>/dev/null | sort | tail -1; }
strike() {
    local folder=$1 wait=$2 before tries=0
    before=$(newest "$folder")
    shift 2
    "$@" 2>/dev/null &
    while [ "$(newest "$folder")" = "$before" ] && [ $((tries += 1)) -lt 500 ]; do sleep .02; done
    sleep "$wait"
    kill -9 $! 2>/dev/null
    wait $! 2>/dev/null
    holds $? -eq 137
}
strike killed .05 "$CALR" run train.lua --out killed infomap.k=20 pause=.2
contains killed/run.json '"status": "running"'
expect 2 "$CALR" run train.lua --out killed infomap.k=20
says "not finished (dead)" "calr run --resume killed"
for wait in .02 .17 .11; do strike killed $wait "$CALR" run --resume killed; done
printf 'half a li' >>killed/metrics.jsonl
: >killed/checkpoints/000009-inter.safetensors.tmp-1
expect 0 "$CALR" run --resume killed
says "resumed after"
checks=$((checks + 1)) && cmp whole/metrics.jsonl killed/metrics.jsonl || fault "the metrics differ"
for file in whole/checkpoints/*; do
    checks=$((checks + 1)) && cmp "$file" "killed/checkpoints/${file##*/}" || fault "$file differs"
done
holds "$(find killed -name '*.tmp-*' | wc -l)" -eq 0
contains killed/run.json '"sessions"' '"status": "finished"'

# ---- from another folder: relative paths still start where the run began
strike far 0 "$CALR" run train.lua --out far pause=.1
mkdir -p away && (cd away && "$CALR" run --resume ../far >/dev/null 2>&1; exit $?)
holds $? -eq 0
contains far/run.json '"status": "finished"' "\"folder\": \"$PWD\""
holds ! -e away/far

# ---- what may not differ on resume
strike other 0 "$CALR" run train.lua --out other pause=.1
expect 2 "$CALR" run --resume other epochs=3
says "epochs=3 contradicts the resumed run, which has epochs=6"
expect 2 "$CALR" run --resume other --threads 3
says "--threads 3 contradicts"
expect 2 "$CALR" run --resume other --out elsewhere
says "cannot be combined"
expect 2 env DATA=others "$CALR" run --resume other
says "the data differ (fingerprint others instead of fingerprint)"
cp train.lua kept.lua && echo '-- changed' >>train.lua
expect 2 "$CALR" run --resume other
says "has changed since the run began"
mv kept.lua train.lua
printf 'return 1\n' >rule.lua
strike ruled 0 "$CALR" run train.lua --out ruled pause=.1 rule=rule.lua
printf 'return 2\n' >rule.lua
expect 2 "$CALR" run --resume ruled
says "the file rule.lua has changed"
sed -i 's/"tensors": 1/"tensors": 2/; s/"network": {/"network": { "x": 1,/; /"network"/,/}/ s/"hash": "./"hash": "z/' other/run.json
expect 2 "$CALR" run --resume other
says "the network differs (1 tensors, then 2)"
sed -i 's/"format": 1/"format": 9/' other/run.json
expect 1 "$CALR" run --resume other
says "has format 9"
echo '{' >other/run.json
expect 1 "$CALR" run --resume other
says "other/run.json, line"

# ---- a broken newest checkpoint: the one before it
strike broken .15 "$CALR" run train.lua --out broken infomap.k=20 pause=.1
holds -n "$(newest broken)"
printf 'x' >"$(newest broken)"
expect 0 "$CALR" run --resume broken
says "a checkpoint is damaged and is set aside"
checks=$((checks + 1)) && cmp whole/metrics.jsonl broken/metrics.jsonl || fault "the metrics differ after a broken checkpoint"

# ---- two runs in one folder
"$CALR" run train.lua --out busy pause=.5 2>busy.txt &
pid=$!
for _ in $(seq 50); do [ -s busy/run.json ] && break; sleep .05; done
expect 2 "$CALR" run train.lua --out busy
says "the run folder busy is in use by process $pid"
expect 2 "$CALR" run --resume busy
says "the run in busy is still running"

# ---- Ctrl-C
for _ in $(seq 100); do grep -q "past two" busy.txt && break; sleep .05; done
kill -INT $pid
wait $pid
status=$?
holds $status -eq 130
contains busy.txt "calr: interrupted" "calr run --resume busy"
contains busy/run.json '"status": "interrupted"'
expect 143 bash -c "'$CALR' -e 'while true do end' & sleep .2; kill -TERM \$!; wait \$!"
expect 130 bash -c "'$CALR' -e 'while true do pcall(function() while true do end end) end' & sleep .2; kill -INT \$!; sleep .1; kill -INT \$!; wait \$!"

cat >stubborn.lua <<'LUA'
local bar = require("calr").progress.new "work"
io.stderr:write "ready\n"
for i = 1, math.huge do
  pcall(function() for _ = 1, 1e5 do end end)
  bar:update(i)
end
LUA
expect 130 bash -c "'$CALR' stubborn.lua & sleep .3; kill -INT \$!; wait \$!"
says "calr: interrupted"

# ---- faults
expect 1 "$CALR" run train.lua --out nan nan=yes
says 'train.lua:11: metric "loss" is NaN'
contains nan/run.json '"status": "failed"' 'is NaN'
contains nan/log.txt "is NaN"
expect 1 bash -c "ulimit -f 40; '$CALR' run train.lua --out full big=100000"
says "full/checkpoints" "File too large"
contains full/run.json '"status": "failed"' "File too large"
holds "$(ls full/checkpoints | wc -l)" -eq 0
expect 0 bash -c "'$CALR' -e 'print(calr.run.read(\"full\").status, #calr.run.metrics(\"full\"))'"
prints "failed	1"
echo 'require("calr").run.open { colour = 1 }' >wrong.lua
expect 1 "$CALR" wrong.lua
says 'has no option "colour"' "config, data"
finish
