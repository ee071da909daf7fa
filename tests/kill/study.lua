-- The study of the kill test: each trial turns a number over and over, in steps with checkpoints. What comes out
-- depends on the configuration only, however often it was interrupted on the way.
local calr = require "calr"
local sys = require "calr.sys"

local function turn(state, step)
  state = (state * 6364136223846793005 + 1442695040888963407 + step) & 0x7fffffffffffffff
  return state ~ (state >> 29)
end

local S = calr.study "kill" { goal = "max result", seeds = { 1, 2 },
  base = { kind = "grid", trials = 100, steps = 6, x = 1, pause = 0.03 } }
if S.base.kind == "grid" then
  S:grid { x = S.int(1, S.base.trials // 2) }
else
  S:search { sampler = "random", trials = S.base.trials - 3, confirm = 3, x = S.int(1, 1 << 40) }
end
S:run(function(trial)
  local cfg = trial.config
  local state = trial:restore()
  if state then
    trial:log("goes on after step %d", state.step)
  else
    state = { step = 0, value = cfg.x * 7919 }
  end
  for step = state.step + 1, cfg.steps do
    sys.sleep(cfg.pause * (0.5 + math.random()))
    state.value, state.step = turn(state.value, step), step
    trial:report(step, { result = state.value % 1000003 })
    if step % 2 == 0 then trial:checkpoint(state) end
  end
  return { result = state.value % 1000003 }
end)
