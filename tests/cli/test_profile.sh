# calr run --profile: the tables at the end, and the file.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
cat >train.lua <<'LUA'
local calr = require "calr"
local config = calr.config { steps = 3 }
local w = calr.tensor.full({ 128, 128 }, 0.1):requires_grad(true)
local x = calr.tensor.full({ 128, 128 }, 1)
for _ = 1, config.steps do
  local loss = x:matmul(w):relu():mean()
  loss:backward()
  w:zero_grad()
end
print "trained"
LUA
expect 0 "$CALR" run train.lua --profile
prints "trained"
says "profile: " "operation" "matmul" "forward" "backward" "Lua, outside of the engine" "train.lua:6" "allocated"
expect 0 "$CALR" train.lua --profile trace.json steps=2
says "trace.json opens in ui.perfetto.dev"
holds -s trace.json
expect 0 "$CALR" -e 'local t = calr.json.decode(calr.sys.read_file "trace.json") print(#t.traceEvents > 10, t.traceEvents[1].args.name)'
prints "true" "train.lua"
expect 0 "$CALR" run --profile=other.json train.lua
holds -s other.json
# Also when the script fails; and a file that cannot be written is named before it runs.
echo 'local calr = require "calr" calr.zeros(3) error "it failed"' >fails.lua
expect 1 "$CALR" run fails.lua --profile
says "it failed" "profile: " "calr.zeros"
expect 1 "$CALR" run train.lua --profile nowhere/trace.json
says "nowhere/trace.json"
expect 0 "$CALR" run train.lua
grep -q profile err.txt && fault "there is a profile without --profile"
finish
