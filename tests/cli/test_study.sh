#!/usr/bin/env bash
# calr study and calr work: a study is a script; to run it again is to go on.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
cd "$CALR_TEST_TMP" || exit 1

ended() { cat "$1"/journals/*.jsonl | grep -c '"kind":"end".*"state":"'"$2"'"'; }

cat >toy.lua <<'LUA'
local calr = require "calr"
local S = calr.study "toy" { goal = "max mAP", seeds = {1, 2, 3, 4, 5, 6},
  base = { epochs = 3, refine = "none", slow = 0.0 } }
S:ablate { {"Baseline"}, {"+ alignment", alignment = true}, {"+ refinement", alignment = true, refine = "pivot"} }
S:run(function(trial)
  local c = trial.config
  local mAP = (c.alignment and .2 or 0) + (c.refine ~= "none" and .3 or 0) + trial.seed / 100
  for epoch = 1, c.epochs do
    calr.sys.sleep(c.slow)
    trial:report(epoch, { mAP = mAP * epoch / c.epochs })
  end
end)
LUA

# a dry run lists, and writes nothing
expect 0 "$CALR" study toy.lua --dry-run
prints "+ refinement" "0.0312" "not known yet"
holds ! -e studies
expect 0 "$CALR" study toy.lua --dry-run --seeds 1..4
prints "0.125" "nothing can be significant"

# it runs, and the second time nothing is left
expect 0 "$CALR" study toy.lua
holds "$(ended studies/toy finished)" -eq 18
expect 0 "$CALR" study toy.lua
holds "$(ended studies/toy finished)" -eq 18
expect 0 "$CALR" study toy.lua --dry-run
prints "Left to do: about 0.0 s"

# more seeds and more rows: only they run
sed -i 's/refine = "pivot"} }/refine = "pivot"},\n  {"refinement alone", refine = "pivot"} }/' toy.lua
expect 0 "$CALR" study toy.lua --seeds 1,2,3,4,5,6,7
holds "$(ended studies/toy finished)" -eq 28

# a comment changes nothing, other code makes results stale and says which
sed -i 's/local c = trial.config/local c = trial.config -- the options/' toy.lua
expect 0 "$CALR" study toy.lua --seeds 1..7
holds "$(ended studies/toy finished)" -eq 28
sed -i 's|trial.seed / 100|trial.seed / 200|' toy.lua
expect 0 "$CALR" study toy.lua --seeds 1,2
says "28 results are stale" "Baseline, seed 1"
holds "$(ended studies/toy finished)" -eq 36

# values of the command line change the base
expect 0 "$CALR" study toy.lua epochs=4 --out other
holds "$(grep -c '"step":4' other/journals/*.jsonl)" -eq 24
expect 2 "$CALR" study toy.lua epoch=4
says 'no option "epoch"' 'did you mean "epochs"?'
expect 2 "$CALR" study toy.lua epochs=many
says '"epochs" must be a whole number'
expect 2 "$CALR" study toy.lua --worker 3
says 'did you mean --workers?'
expect 2 "$CALR" study toy.lua --workers some
expect 2 "$CALR" study toy.lua --seeds 1,b
expect 2 "$CALR" study
expect 0 "$CALR" study --help
prints "--retry-failed"

# one trial anew, beside the record
key=$(sed -n 's/.*"key":"\([0-9a-f]*\)".*"label":"Baseline".*"seed":1.*/\1/p' other/journals/*.jsonl | head -1)
expect 0 "$CALR" study toy.lua epochs=4 --out other --trial "$key"
prints "the same"
expect 2 "$CALR" study toy.lua --trial zzzz
says "no trial zzzz"

# several processes
expect 0 "$CALR" study toy.lua --workers 3 --out three slow=0.01
holds "$(ended three finished)" -eq 24
holds "$(ls three/journals | wc -l)" -eq 3
says "3 workers with 1 thread each"

# failures: listed, the others go on, tried again on request; --fail-fast stops
cat >bad.lua <<'LUA'
local calr = require "calr"
local S = calr.study "bad" { seeds = {1, 2}, base = { how = "well" } }
S:ablate { {"well"}, {"error", how = "error"}, {"nan", how = "nan"}, {"nothing", how = "nothing"}, {"text", how = "text"} }
S:run(function(trial)
  local how = trial.config.how
  if how == "error" then error("boom") end
  if how == "nan" then trial:report(1, { mAP = 0/0 }) end
  if how == "text" then return "fine" end
  if how == "well" then trial:report(1, { mAP = .5 }) end
end)
LUA
expect 1 "$CALR" study bad.lua
says "8 trials failed" "bad.lua:6: boom" '"mAP" is NaN' 'without the study'"'"'s goal "mAP"' "returned a string" \
    "--retry-failed"
holds "$(ended studies/bad finished)" -eq 2
expect 1 "$CALR" study bad.lua
holds "$(ended studies/bad failed)" -eq 8
expect 1 "$CALR" study bad.lua --retry-failed
holds "$(ended studies/bad failed)" -eq 16
expect 1 "$CALR" study bad.lua --fail-fast --out fast
says "stopped at the first failure"
holds "$(ended fast failed)" -eq 1
expect 1 "$CALR" study bad.lua --workers 2 --out bad2
says "8 trials failed"

# interrupted in the middle: it goes on from the checkpoint, and nothing that was reported is lost
cat >long.lua <<'LUA'
local calr = require "calr"
local S = calr.study "long" { goal = "min loss", seeds = {1, 2} }
S:ablate { {"a"} }
S:run(function(trial)
  local state = trial:restore() or { epoch = 0, sum = calr.tensor.zeros { 3 } }
  for epoch = state.epoch + 1, 8 do
    state.sum = state.sum + trial.seed
    calr.sys.sleep(0.1)
    trial:report(epoch, { loss = state.sum:sum():get() })
    trial:checkpoint { epoch = epoch, sum = state.sum }
  end
end)
LUA
"$CALR" study long.lua >/dev/null 2>&1 &
pid=$!
for _ in $(seq 100); do sleep 0.05; grep -qs '"step":3' studies/long/journals/*.jsonl && break; done
kill -INT $pid
wait $pid
holds $? -eq 130
holds "$(ended studies/long interrupted)" -eq 1
"$CALR" study long.lua >/dev/null 2>&1 &
pid=$!
for _ in $(seq 100); do sleep 0.05; grep -qs '"step":6' studies/long/journals/*.jsonl && break; done
kill -KILL $pid
wait $pid 2>/dev/null
expect 0 "$CALR" study long.lua
holds "$(ended studies/long finished)" -eq 2
holds "$(cat studies/long/journals/*.jsonl | grep -c '"step":1,')" -eq 2
holds "$(cat studies/long/journals/*.jsonl | grep '"state":"finished"' | grep -c '"loss":48')" -eq 1
holds "$(cat studies/long/journals/*.jsonl | grep '"state":"finished"' | grep -c '"loss":24')" -eq 1

# a warning (SIGUSR1) lets it go on to the next checkpoint
"$CALR" study long.lua --out warned >/dev/null 2>&1 &
pid=$!
for _ in $(seq 100); do sleep 0.05; grep -qs '"step":2' warned/journals/*.jsonl && break; done
kill -USR1 $pid
wait $pid
holds $? -eq 75
holds "$(ended warned interrupted)" -eq 1
expect 0 "$CALR" work warned
holds "$(ended warned finished)" -eq 2
holds "$(cat warned/journals/*.jsonl | grep -c '"step":2,')" -eq 2

# what is no study, or another one
expect 2 "$CALR" work nowhere
says "no study folder nowhere"
mkdir things && touch things/thing
expect 2 "$CALR" study toy.lua --out things
says "holds other files but no study"
sed 's/calr.study "long"/calr.study "toy"/' long.lua >clash.lua
expect 2 "$CALR" study clash.lua
says "is a different one"
expect 2 "$CALR" study long.lua --out studies/toy
says 'holds the study "toy", not "long"'
for n in 1 2; do
    cat >space$n.lua <<LUA
local calr = require "calr"
local S = calr.study "space" { goal = "min loss" }
S:search { trials = 3, sampler = "random", lr = calr.study.float(1e-5, 1e-$n, "log") }
S:run(function(trial) return trial.config.lr end)
LUA
done
expect 0 "$CALR" study space1.lua
expect 2 "$CALR" study space2.lua
says 'parameter "lr" was' "another name"
sed -i 's/"format": 1/"format": 9/' studies/space/study.json
expect 2 "$CALR" study space1.lua
says "format 9"
expect 2 "$CALR" work studies/space

# mistakes in the script
mistake() { # CODE TEXT...
    printf 'local calr = require "calr"\nlocal S = calr.study "mistake" { base = { x = 1 } }\n%s\nS:run(function(trial) return 1 end)\n' \
        "$1" >mistake.lua
    shift
    expect 1 "$CALR" study mistake.lua
    says "$@"
}
mistake 'S:ablate { {"a", xx = 2} }' 'mistake.lua:3: S:ablate, row "a": there is no option "xx"' 'did you mean "x"?'
mistake 'S:ablate { {"a", x = print} }' '"x" is a function, which a record cannot hold'
mistake 'S:ablate { {"a", x = 0/0} }' 'not a value for an option'
mistake 'S:ablate { {"a"}, {"a"} }' 'two rows are called "a"'
mistake 'S:ablate {}' "S:ablate takes a list of rows"
mistake 'S:grid { x = {} }' "no points"
mistake 'S:grid { x = {1, 2}, where = function(c) return c.x > 5 end }' "no points"
mistake 'S:grid { x = {1}, tempreature = {1} }' 'did you mean "temperature"?'
mistake 'S:search { trials = 3, x = S.float(2, 1) }' "no points"
mistake 'S:search { trails = 3, x = S.float(1, 2) }' 'did you mean "trials"?'
mistake 'S:search { x = S.float(1, 2) }' "how many trials"
mistake 'S:search { trials = 3, sampler = "tpee", x = S.float(1, 2) }' 'did you mean "tpe"?'
mistake 'S:search { trials = 3, sampler = {"tpe", startups = 3}, x = S.float(1, 2) }' "startups"
mistake 'S:search { trials = 3, prune = S.asha { mni = 1 }, x = S.float(1, 2) }' "mni"
mistake 'S:ablate { {"a", seed = 3} }' "seeds = {...}"
mistake 'S:table {}' "after S:run"
mistake '' "nothing to run"
holds ! -e studies/mistake

finish
