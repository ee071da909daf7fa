# The event files of runs, of a killed and resumed one too, opened by TensorBoard's own reader. CALR_PYTHON names a Python
# that has the package tensorboard, when python3 has not.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
python=
for candidate in "${CALR_PYTHON:-}" python3; do
    [ -n "$candidate" ] && "$candidate" -c 'import tensorboard' 2>/dev/null && python=$candidate && break
done
[ -n "$python" ] || { echo "no Python with the package tensorboard (CALR_PYTHON names one)"; exit 77; }

cat >train.lua <<'LUA'
local calr = require "calr"
local cfg = calr.config { epochs = 5, pause = 0.0, seed = 1 }
local run <close> = calr.run.open { config = cfg }
for camera = 0, 1 do
  local _, state = run:restore("camera" .. camera)
  for epoch = state and state.epoch + 1 or 0, cfg.epochs - 1 do
    run:metric { stage = "intra", camera = camera, epoch = epoch, loss = camera + 1 / (epoch + 1) }
    calr.sys.sleep(cfg.pause)
    run:checkpoint("camera" .. camera, { state = { epoch = epoch } })
  end
end
local _, state = run:restore "inter"
for epoch = state and state.epoch + 1 or 0, cfg.epochs - 1 do
  run:metric { stage = "inter", epoch = epoch, loss = 0, evaluation = { mAP = epoch / 8, rank1 = 1 } }
  calr.sys.sleep(cfg.pause)
  run:checkpoint("inter", { state = { epoch = epoch } })
end
run:metric { note = "the end", seconds_of_something = 2.5 }
LUA

# Prints what the reader finds in a folder: TAG STEP VALUE, sorted.
cat >read.py <<'PYTHON'
import sys, logging
from tensorboard.backend.event_processing import event_accumulator, plugin_event_accumulator
from tensorboard.util import tensor_util
logging.disable(logging.CRITICAL)
old = event_accumulator.EventAccumulator(sys.argv[1], size_guidance={event_accumulator.SCALARS: 0}).Reload()
lines = sorted((tag, e.step, e.value) for tag in old.Tags()["scalars"] for e in old.Scalars(tag))
new = plugin_event_accumulator.EventAccumulator(sys.argv[1], tensor_size_guidance={"scalars": 0}).Reload()
again = sorted((tag, e.step, float(tensor_util.make_ndarray(e.tensor_proto)))
               for tag in new.PluginTagToContent("scalars") for e in new.Tensors(tag))
assert lines == again, "TensorBoard's two readers differ"
times = [e.wall_time for e in old.Scalars("inter/loss")]
assert times == sorted(times) and times[-1] > times[0], times
for line in lines:
    print("%s %d %.6f" % line)
PYTHON

expect 0 "$CALR" run train.lua --out whole
expect 0 "$python" read.py whole/tensorboard
cp out.txt whole.txt
{
    for epoch in 0 1 2 3 4; do
        for curve in evaluation/mAP evaluation/rank1 loss; do
            case $curve in */mAP) value=$epoch/8 ;; */rank1) value=1 ;; *) value=0 ;; esac
            echo "inter/$curve $epoch $value"
        done
        echo "intra/camera-0/loss $epoch 1/($epoch+1)"
        echo "intra/camera-1/loss $epoch 1+1/($epoch+1)"
    done
    echo "seconds_of_something 11 2.5"
} | awk '{ n = split($3, p, "/"); v = p[1] }
    $3 ~ /^1\/\(/ { v = 1 / ($2 + 1) } $3 ~ /^1\+/ { v = 1 + 1 / ($2 + 1) } $3 ~ /\/8$/ { v = $2 / 8 }
    { printf "%s %d %.6f\n", $1, $2, v }' | sed 's/_something 11 /_something 16 /' | LC_ALL=C sort -k1,1 -k2,2n >want.txt
checks=$((checks + 1)) && cmp want.txt whole.txt || fault "the curves of a whole run: $(diff want.txt whole.txt | head -5)"

# Killed after a metric and before its checkpoint, four times; once in the middle of a record.
begin=(train.lua --out parts pause=.05)
for at in 2 7 11 14; do
    "$CALR" run "${begin[@]}" 2>/dev/null &
    pid=$!
    while kill -0 $pid 2>/dev/null && [ "$(cat parts/metrics.jsonl 2>/dev/null | wc -l)" -lt $at ]; do sleep .01; done
    kill -9 $pid 2>/dev/null
    wait $pid 2>/dev/null
    holds $? -eq 137
    [ $at -ne 7 ] || truncate -s -9 "$(find parts/tensorboard -type f | sort | tail -1)"
    begin=(--resume parts)
done
expect 0 "$CALR" run --resume parts
holds "$(find parts/tensorboard -type f | wc -l)" -ge 3
checks=$((checks + 1)) && cmp whole/metrics.jsonl parts/metrics.jsonl || fault "the metrics differ"
expect 0 "$python" read.py parts/tensorboard
checks=$((checks + 1)) && cmp want.txt out.txt || fault "the curves of a resumed run: $(diff want.txt out.txt | head -5)"
finish
