# A script's options on the command line.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"

cat >script.lua <<'LUA'
-- Trains a little.
-- Nothing real.
local calr = require "calr"
local cfg = calr.config {
  epochs = 20, lr = 0.1, flip = true, infomap = { k = 15 }, stages = { 2, 2 },
  refine = calr.config.choice({ "pivot", "none" }, "how labels are cleaned"),
}
print(cfg.epochs, cfg.lr, cfg.flip, cfg.infomap.k, table.concat(cfg.stages, "-"), cfg.refine)
LUA
expect 0 "$CALR" script.lua
prints "20	0.1	true	15	2-2	pivot"
expect 0 "$CALR" script.lua epochs=3 lr=1 flip=off infomap.k=20 stages=3,4,6,3 refine=none
prints "3	1.0	false	20	3-4-6-3	none"
expect 0 "$CALR" script.lua --help
prints "usage: calr run script.lua" "Trains a little." "epochs=20" "infomap.k=15" "stages=2,2" \
    "how labels are cleaned [pivot, none]"
expect 0 "$CALR" run script.lua --help
prints "epochs=20"
expect 2 "$CALR" script.lua epoch=3
says 'unknown option "epoch" (did you mean "epochs"?)' "the script has: epochs, flip, infomap.k, lr, refine, stages"
expect 2 "$CALR" script.lua epochs=many
says 'option "epochs" must be a whole number, like its default 20; "many" is not'
expect 2 "$CALR" script.lua epochs=2.5
says "must be a whole number"
expect 2 "$CALR" script.lua flip=perhaps
says "must be true or false (or yes, no, on, off), like its default true"
expect 2 "$CALR" script.lua infomap=3
says 'option "infomap" is a group; give its members: infomap.k'
expect 2 "$CALR" script.lua refine=pivt
says 'has no choice "pivt" (did you mean "pivot"?); there are: pivot, none'
expect 2 "$CALR" script.lua lr=
says 'option "lr" must be a number'
echo 'print(1)' >plain.lua
expect 0 "$CALR" plain.lua --help
prints "no options of its own"
finish
