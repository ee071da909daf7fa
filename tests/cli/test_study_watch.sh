# calr watch: a snapshot where there is no terminal; under a pseudo terminal it redraws what changes, fits the size, ends
# with the table when the study ends, and leaves on q and Ctrl-C.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
command -v script >/dev/null || exit 77
export TERM=xterm

cat >live.lua <<'LUA'
local calr = require "calr"
local S = calr.study "live" { goal = "max mAP", seeds = {1, 2}, base = { x = 0.5, epochs = 6, pause = 0.1 } }
S:ablate { {"Baseline"}, {"+ more", x = 1.0}, {"+ wrong", x = 2.0} }
S:run(function(trial)
  for epoch = 1, trial.config.epochs do
    calr.sys.sleep(trial.config.pause)
    if trial.config.x > 1 and epoch == 3 then error "x is too large" end
    trial:report(epoch, { mAP = 0.4 + 0.1 * trial.config.x - 0.3 / epoch })
  end
end)
LUA

# watch ROWS COLUMNS COMMAND: runs it under a pseudo terminal of that size; what it wrote is in screen.txt, keys come
# from the standard input.
watch() {
    script -qefc "stty rows $1 cols $2; $3; echo status \$?" screen.txt >/dev/null
}
# The columns of the widest line that was drawn.
widest() {
    "$CALR" -e '
      local text, width, widest = io.open("screen.txt"):read "a", require("calr.text").width, 0
      for part in text:gmatch "\27%[%d+;1H(.-)\27%[K" do widest = math.max(widest, width(part)) end
      print(widest)'
}

expect 2 "$CALR" watch
says "which study?"
expect 2 "$CALR" watch nothing
says "there is no study nothing"
expect 2 "$CALR" watch --fast live
says "unknown option --fast"
expect 0 "$CALR" watch --help
prints "q or Ctrl-C leaves"

expect 1 "$CALR" -e 'require("calr.terminal").keys()'
says "cannot read keys from the standard input"
expect 0 env COLUMNS=33 LINES=7 "$CALR" -e 'print(require("calr.terminal").size())'
prints "33	7"

# ---- while it runs, until it ends
"$CALR" study live.lua >/dev/null 2>&1 &
pid=$!
for _ in $(seq 100); do grep -qs '"report"' studies/live/journals/*.jsonl && break; sleep .05; done
expect 0 "$CALR" watch live
prints "live  max mAP" "of 6 trials" "running" "means so far" "Baseline" "workers"
holds "$(grep -c "$(printf '\033')" out.txt)" -eq 0
expect 2 "$CALR" watch liv
says "did you mean studies/live?"
watch 24 80 "'$CALR' watch live" < <(sleep 20)
esc=$(printf '\033')
contains screen.txt "status 0" "failures" "x is too large" "6 of 6 trials" "$esc[?1049h" "$esc[?1049l" "live: ablation" \
    "difference in mAP"
holds "$(widest)" -le 80
holds "$(grep -c 'Baseline' screen.txt)" -ge 2
wait $pid
expect 0 "$CALR" watch live
prints "4 finished  2 failed" "done"

# ---- q, Ctrl-C and a signal; a small terminal
cat >slow.lua <<'LUA'
local calr = require "calr"
local S = calr.study "slow" { goal = "min loss", base = { x = 0.0, pause = 0.0 } }
S:search { sampler = "random", trials = 5000, x = S.float(0, 1) }
S:run(function(trial)
  if trial.number > 1500 then calr.sys.sleep(60) end
  trial:report(1, { loss = trial.config.x })
end)
LUA
"$CALR" study slow.lua >/dev/null 2>&1 &
pid=$!
for _ in $(seq 600); do grep -qs '"number":1501' studies/slow/journals/*.jsonl && break; sleep .05; done
watch 12 50 "'$CALR' watch studies/slow/" < <(sleep 2; printf q; sleep 9)
contains screen.txt "status 0" "1,500 finished" "of 5,000 trials" "$esc[?1049l"
holds "$(widest)" -le 50
holds "$(grep -o "$esc\[[0-9]*;1H" screen.txt | tr -dc '0-9;\n' | cut -d';' -f1 | sort -n | tail -1)" -le 12
watch 40 120 "'$CALR' watch slow" < <(sleep 2; printf '\003'; sleep 9)
contains screen.txt "status 0" "best trials" "x=0."
holds "$(widest)" -le 120
watch 24 80 "'$CALR' watch slow & sleep 2; kill -TERM \$!; wait \$!; stty -a" < <(sleep 20)
contains screen.txt "interrupted" "$esc[?1049l" " icanon" " echo "

# Six seconds of watching take far less than six seconds of a core, beyond reading the study once.
cat >cost.sh <<SH2
"$CALR" watch slow
times
SH2
watch 24 80 "bash cost.sh" < <(sleep 6; printf q; sleep 9)
seconds=$(tr -d '\r' <screen.txt | grep -E '^[0-9]+m[0-9.]+s [0-9]+m[0-9.]+s$' | tail -1 |
    awk '{ split($1, u, "[ms]"); split($2, s, "[ms]"); print int(60 * (u[1] + s[1]) + u[2] + s[2]) }')
holds "$seconds" -le 2

# ---- its worker dies: the view says so
kill -9 $pid
wait $pid 2>/dev/null
expect 0 "$CALR" watch slow
prints "1 dead" "no worker is running; calr work studies/slow starts one" "1 died"
finish
