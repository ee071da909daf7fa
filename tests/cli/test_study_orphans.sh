# Workers outlive a command that is killed: the next one counts and names them, and they end by the command it prints.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
cat >slow.lua <<'LUA'
local calr = require "calr"
local S = calr.study "slow" { goal = "max score", seeds = { 1 }, base = { a = 1 } }
S:grid { a = { 1, 2, 3, 4, 5, 6 } }
S:run(function(trial)
  for step = 1, 3000 do
    if calr.sys.exists "go" then break end
    calr.sys.sleep(0.02)
    trial:report(step, { score = 0 })
  end
  return { score = trial.config.a }
end)
LUA
expect 0 "$CALR" study slow.lua --workers 0
holds "$(grep -c "of an earlier command" err.txt)" -eq 0
"$CALR" study slow.lua --workers 2 --threads 1 >first.txt 2>&1 &
parent=$!
beats() { ls studies/slow/workers/*.beat 2>/dev/null | wc -l; }
starts() { cat studies/slow/journals/*.jsonl 2>/dev/null | grep -c '"kind":"start"'; }
for ((i = 0; i < 600; i++)); do
    [ "$(starts)" -lt 2 ] || break
    sleep 0.05
done
holds "$(beats)" -eq 2
kill -9 $parent
wait $parent 2>/dev/null

# the record alone says nothing about them; workers and a single process do
"$CALR" study slow.lua --workers 2 --threads 1 >second.txt 2>&1 &
second=$!
for ((i = 0; i < 600; i++)); do
    grep -q "2 workers with" second.txt && break
    sleep 0.05
done
cp second.txt err.txt
says "note: 2 workers of an earlier command still run here (processes " "take part in this study" "to end them: kill "
pids=$(sed -n 's/.*to end them: kill \([0-9 ]*\).*/\1/p' second.txt)
holds "$(echo $pids | wc -w)" -eq 2
for pid in $pids; do holds "$(tr '\0' ' ' </proc/$pid/cmdline | grep -c ' work ')" -eq 1; done
kill $pids
for ((i = 0; i < 200; i++)); do
    alive=0
    for pid in $pids; do [ ! -e /proc/$pid ] || alive=1; done
    [ $alive -eq 1 ] || break
    sleep 0.05
done
holds $alive -eq 0
touch go
wait $second
holds $? -eq 0
expect 0 "$CALR" study slow.lua --workers 2
holds "$(cat err.txt out.txt | grep -c 'of an earlier command')" -eq 0
finish
