# A study whose folder is read-only, full, of a newer version, another's or damaged: what is wrong is said, nothing is
# lost, and what can go on goes on.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"

cat >study.lua <<'LUA'
local S = require("calr").study "faults" { goal = "max y", base = { x = 1 } }
S:grid { x = { 1, 2, 3, 4, 5, 6 } }
S:run(function(trial)
  local filler = os.getenv "FILL"
  if filler then -- leaves no room on the disk
    local file = io.open(filler, "a")
    while file:write(("x"):rep(4096)) and file:flush() do end
    file:close()
  end
  for step = 1, 40 do trial:report(step, { y = trial.config.x * step, note = 1 / 3 }) end
  return { y = trial.config.x }
end)
LUA

finished() { cat "$1"/journals/*.jsonl | grep -c '"kind":"end".*"state":"finished"'; }
view() { "$CALR" -e "local v = require('calr.lab.study.view').read '$1' print(v.counts.finished, v.counts.waiting, #v.notes)"; }

# ---- folders that are no study, or another
expect 2 "$CALR" work absent
says "there is no study folder absent"
mkdir other && touch other/thing
expect 2 "$CALR" work other
says "other is not the folder of a study: it has no study.json"
expect 2 "$CALR" study study.lua --out other
says "the folder other holds other files but no study; choose another with --out"
expect 0 "$CALR" study study.lua --out good
holds "$(finished good)" -eq 6
sed 's/"faults"/"another"/' study.lua >another.lua
expect 2 "$CALR" study another.lua --out good
says 'the folder good holds the study "faults", not "another"'

# ---- a worker that was stopped after it wrote an end and before it made the marker
markers() { find "$1/claims" -name '*.done' | wc -l; }
cp -r good stopped
for marker in stopped/claims/*/*.done; do
    rm "$marker"
    break
done
holds "$(markers stopped)" -eq 5
expect 0 "$CALR" study study.lua --out stopped
holds "$(markers stopped)" -eq 6
holds "$(finished stopped)" -eq 6

# ---- a newer version
cp -r good newer
sed -i 's/"format": 1/"format": 7/; s/"version": "[^"]*"/"version": "3.1"/' newer/study.json
for command in "study study.lua --out newer" "work newer"; do
    # shellcheck disable=SC2086
    expect 2 "$CALR" $command
    says "newer/study.json has format 7, written by calr 3.1; this program" "use a newer one"
done

# ---- a damaged plan, an emptied journal, an emptied claim
cp -r good torn
printf '{"format": 1, "parts"' >torn/plan.json
expect 1 "$CALR" work torn
says "plan.json is damaged"
cp -r good empty
for journal in empty/journals/*; do : >"$journal"; done
for claim in empty/claims/*/*.1; do
    : >"$claim"
    break
done
expect 0 "$CALR" study study.lua --out empty --patience 1
holds "$(finished empty)" -eq 6
expect 0 view empty
prints "6	0	0"

# ---- a file system of our own: read-only, full
if ! unshare -rm true 2>/dev/null; then
    echo "no file system of our own (unshare): the rest is left out"
    finish
fi
mkdir disk
export CALR
expect 2 unshare -rm sh -c 'mount -t tmpfs none disk && cp -r good disk && mount -o remount,ro disk &&
    exec "$CALR" study study.lua --out disk/good'
says "the study folder disk/good cannot be written: cannot open" "Read-only file system"
expect 0 unshare -rm sh -c 'mount -t tmpfs none disk && cp -r good disk && mount -o remount,ro disk &&
    exec "$CALR" -e "print(require(\"calr.study.view\").read(\"disk/good\").counts.finished)"'
prints "6"
expect 2 unshare -rm sh -c 'mount -t tmpfs -o ro none disk && exec "$CALR" study study.lua --out disk/new'
says "disk/new cannot be written" "Read-only file system"

# full from the beginning
expect 2 unshare -rm sh -c 'mount -t tmpfs -o size=64k none disk && dd if=/dev/zero of=disk/filler 2>/dev/null
    exec "$CALR" study study.lua --out disk/new'
says "disk/new cannot be written" "No space left on device"

# full in the middle of the first trial: what was reported before stays, and with room again the study goes on
expect 1 unshare -rm sh -c 'mount -t tmpfs -o size=256k none disk || exit 9
    FILL=disk/filler "$CALR" study study.lua --out disk/s
    status=$?
    cp -r disk/s full
    exit $status'
says "cannot write disk/s/journals/" "No space left on device"
holds "$(grep -c '"kind":"report"' full/journals/*)" -ge 1
expect 0 view full
prints "0	5	0"
expect 0 "$CALR" study study.lua --out full
expect 0 view full
prints "6	0	0"
holds "$(cat full/journals/*.jsonl | grep -c '"attempt":2.*"kind":"end"')" -eq 1
finish
