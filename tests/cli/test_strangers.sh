# Folders and files that came from somebody else: they choose no code and no path, and damage is noticed.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"

cat >train.lua <<'LUA'
local calr = require "calr"
local cfg = calr.config { epochs = 6, stop = 0, seed = 1 }
local w = calr.tensor.zeros { 64 }
local run <close> = calr.run.open { config = cfg, network = { w = w } }
local tensors, state = run:restore "train"
if tensors then w:copy(tensors.w) end
for epoch = (state and state.epoch or 0) + 1, cfg.epochs do
  w:copy(calr.ops.add(w, calr.rng.open { seed = cfg.seed, purpose = "x", epoch = epoch }:fill_normal(calr.tensor.zeros { 64 })))
  run:metric { epoch = epoch, first = w:get(1) }
  run:checkpoint("train", { tensors = { w = w }, state = { epoch = epoch } })
  if epoch == 4 and not tensors and os.getenv "STOP" then os.exit(9, false) end
end
LUA
# An unfinished run in the folder $1, of the script $2.
unfinished() { expect 9 env STOP=1 "$CALR" run "${2:-train.lua}" --out "$1" --quiet; }
# flip FILE OFFSET: turns one bit over, from the end where the offset is negative.
flip() {
    local at=$2
    [ "$at" -ge 0 ] || at=$(($(stat -c %s "$1") + at))
    local byte
    byte=$(od -An -tu1 -j "$at" -N1 "$1")
    # shellcheck disable=SC2059
    printf "\\x$(printf %02x $((byte ^ 1)))" | dd of="$1" bs=1 seek="$at" conv=notrunc status=none
}
expect 0 "$CALR" run train.lua --out whole --quiet

# ---- one flipped bit in the newest checkpoint: the one before is used, and the end is the same
unfinished bit
flip "$(ls bit/checkpoints/*.safetensors | tail -1)" -9
expect 0 "$CALR" run --resume bit
says "a checkpoint is damaged and is set aside: bit/checkpoints/000004-train.safetensors is damaged: its checksum"
holds -e bit/checkpoints/000004-train.safetensors.broken
checks=$((checks + 1)) && cmp whole/metrics.jsonl bit/metrics.jsonl || fault "the metrics differ after a flipped bit"

# ---- a checkpoint that cannot be read says nothing of what it holds: nothing is changed
unfinished unread
newest=$(ls unread/checkpoints/*.safetensors | tail -1)
mv "$newest" kept.safetensors && mkdir "$newest"
expect 1 "$CALR" run --resume unread
says "cannot read $newest"
holds -d "$newest"
holds "$(ls unread/checkpoints | wc -l)" -eq 2
holds "$(wc -l <unread/metrics.jsonl)" -eq 4
rmdir "$newest" && mv kept.safetensors "$newest"
expect 0 "$CALR" run --resume unread
checks=$((checks + 1)) && cmp whole/metrics.jsonl unread/metrics.jsonl || fault "the metrics differ"

# ---- links lead nowhere
echo precious >precious.txt
for name in metrics.jsonl log.txt timing.jsonl .lock; do
    rm -rf linked && unfinished linked
    rm -f "linked/$name" && ln -s "$PWD/precious.txt" "linked/$name"
    expect 2 "$CALR" run --resume linked
    says "linked/$name"
    says "symbolic link"
    checks=$((checks + 1)) && [ "$(cat precious.txt)" = precious ] || fault "precious.txt was written to through $name"
done
rm -rf linked && unfinished linked
mv linked/checkpoints elsewhere && ln -s "$PWD/elsewhere" linked/checkpoints
expect 2 "$CALR" run --resume linked
says "linked/checkpoints is a symbolic link"

# ---- a folder that holds its script, or belongs to somebody else
mkdir carried && cp train.lua carried/script.lua
unfinished carried carried/script.lua
expect 2 "$CALR" run --resume carried
says "carried holds the script itself" "carried/script.lua" "--trust"
expect 0 "$CALR" run --resume carried --trust
checks=$((checks + 1)) && cmp whole/metrics.jsonl carried/metrics.jsonl || fault "the metrics differ"
expect 2 "$CALR" run train.lua --trust
says "--trust goes with --resume"
if [ "$(id -u)" -eq 0 ]; then # only root may give a folder away
    unfinished given
    chown 12345 given
    expect 2 "$CALR" run --resume given
    says "given belongs to another user" "--trust"
    expect 0 "$CALR" run --resume given --trust
fi
cat >study.lua <<'LUA'
local calr = require "calr"
local S = calr.study "carried" { goal = "max x", seeds = { 1 }, options = { a = calr.config.option(1, "a") } }
S:grid { a = { 1, 2 } }
S:run(function(trial) trial:report(1, { x = trial.config.a }) end)
LUA
mkdir own && cp study.lua own/
expect 0 "$CALR" study own/study.lua --out own/record --workers 2 --quiet
expect 0 "$CALR" study study.lua --out box --workers 0 --quiet
cp study.lua box/
sed -i "s#$PWD/study.lua#$PWD/box/study.lua#" box/study.json
expect 2 "$CALR" work box
says "box holds the script itself" "--trust"
expect 2 "$CALR" submit box --slurm --dry-run
says "--trust"
expect 0 "$CALR" submit box --slurm --dry-run --trust
prints "trust=--trust"
expect 0 "$CALR" work box --trust --quiet

# ---- damage in a data set
expect 0 "$CALR" data make street -o set.lmdb --cameras 2 --ids 3 --test-ids 2 --distractors 1 --junk 1 --images 2
cat >read.lua <<'LUA'
local calr = require "calr"
local split = calr.data.open "set.lmdb":train()
for _ in split:batches { order = calr.tensor.arange(split:count()), batch = 4, height = 32, width = 16 } do end
LUA
expect 0 "$CALR" run read.lua
at=$(LC_ALL=C grep -obUaP '\xff\xd8\xff\xe0' set.lmdb | head -1 | cut -d: -f1) # a JPEG begins
flip set.lmdb $((at + 400))
expect 1 "$CALR" -e 'local s = calr.store.open "set.lmdb" for i = 1, s:count() do s:jpeg(i) end'
says "set.lmdb is damaged (the checksum of" "import the data set again"
finish
