-- calr.phases: time and memory by phase, outermost only; what a run keeps of them, and what it must not.
local check = require "check"
local calr = require "calr"
local here = require("calr.context").current()
local phases, json, sys = calr.phases, calr.json, calr.sys

here.quiet = true
local tmp = os.getenv "CALR_TEST_TMP"

local function wait(seconds, ...)
  sys.sleep(seconds)
  return ...
end

check.test("without a run it only calls", function()
  check.equal(table.concat({ phases.measure("a", wait, 0.0, 1, nil and 0, 3) }, " ", 1, 1), "1")
  check.equal(select("#", phases.measure("a", wait, 0.0, nil, nil)), 2)
end)

check.test("time adds up, inner phases belong to the outermost, the rest is other", function()
  local ledger = phases.open()
  check.equal(ledger:take(), nil)
  phases.measure("outer", function() phases.measure("inner", wait, 0.02) end)
  phases.measure("outer", wait, 0.02)
  wait(0.02)
  local spent = ledger:take()
  check.equal(spent.inner, nil)
  check.ok(spent.outer.seconds >= 0.04 and spent.outer.seconds < 0.5)
  check.ok(spent.other.seconds >= 0.015 and spent.other.seconds < 0.5)
  check.equal(ledger:take(), nil, "begins anew")
  -- An error ends a phase, and passes.
  check.fails("broken", phases.measure, "outer", error, "broken")
  phases.measure("second", wait, 0.0)
  spent = ledger:take()
  check.ok(spent.outer and spent.second)
  ledger:close()
  phases.measure("after", wait, 0.0)
  check.equal(ledger:take(), nil)
end)

check.test("the innermost run", function()
  local first = phases.open()
  local second = phases.open()
  phases.measure("a", wait, 0.0)
  second:close()
  phases.measure("b", wait, 0.0)
  first:close()
  check.ok(second:take().a and first:take().b)
end)

check.test("the peak of each phase", function()
  if not phases.resident "VmHWM" or not io.open("/proc/self/clear_refs", "w") then return end
  local ledger = phases.open()
  local function touch(bytes)
    return function()
      local t = calr.full({ bytes // 4 }, 1)
      return t:sum():item()
    end
  end
  phases.measure("large", touch(256 << 20))
  collectgarbage()
  require("calr.meter").trim()
  phases.measure("small", touch(1 << 20))
  ledger:close()
  local spent = ledger:take()
  check.ok(spent.large.peak > spent.small.peak + (128 << 20), "the peak begins anew")
end)

check.test("sums and texts", function()
  local sums = phases.add({}, { a = { seconds = 1.0, peak = 5 }, b = { seconds = 2.0, peak = 0 } })
  phases.add(sums, { a = { seconds = 2.0, peak = 3 }, other = { seconds = 9.0, peak = 0 } })
  check.equal(sums.a.seconds, 3.0)
  check.equal(sums.a.peak, 5)
  sums.a.peak = 3 << 30
  check.equal(phases.text(sums), "a 3.0 s, b 2.0 s, other 9.0 s; at most 3.0 GiB (a)")
  check.equal(phases.text({ a = { seconds = 3.0, peak = 0 }, b = { seconds = 1.0, peak = 0 } }, true),
    "a 3.0 s (75 %), b 1.0 s (25 %)")
  check.equal(phases.text { a = { seconds = 0.0234, peak = 0 } }, "a 23 ms")
end)

check.test("a run: the log by line, the sums at the end, nothing in metrics.jsonl", function()
  local run = calr.run.open { out = tmp .. "/run" }
  run:metric { epoch = 0, loss = 1 } -- no phase: no line
  phases.measure("training", wait, 0.01)
  run:metric { stage = "intra", camera = 2, epoch = 1 }
  phases.measure("training", wait, 0.01)
  phases.measure("features", wait, 0.0)
  run:metric { epoch = 2 }
  run:finish()
  local log = sys.read_file(tmp .. "/run/log.txt")
  check.ok(log:find "  stage 1, camera 2, epoch 1: training %d")
  check.ok(log:find "  epoch 2: training .*features .*other ")
  check.ok(log:find "  time: .*training %d+ ms %(%d+ %%%)")
  check.ok(not log:find "epoch 0:")
  check.ok(not sys.read_file(tmp .. "/run/metrics.jsonl"):find "training")
  local times = {}
  for line in sys.read_file(tmp .. "/run/timing.jsonl"):gmatch "[^\n]+" do times[#times + 1] = json.decode(line) end
  check.equal(times[1].phases, nil)
  local record = calr.run.read(tmp .. "/run")
  check.near(record.phases.training.seconds, times[2].phases.training.seconds + times[3].phases.training.seconds, 1e-9)
  check.ok(record.phases.other and record.phases.features)
end)

check.finish()
