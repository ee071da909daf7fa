-- calr.context: which context is current, whatever ends the function that runs in it; events; runs of a context.
local check = require "check"
local calr = require "calr"
local context = require "calr.context"

local tmp = os.getenv "CALR_TEST_TMP"
local outside = context.current()

check.test("a context has the fields it was given, and no others", function()
  local c = context.new { script = "a.lua", overrides = { "x=1" }, quiet = true }
  check.equal(c.script, "a.lua")
  check.equal(c.overrides[1], "x=1")
  check.ok(c.quiet and not c.heard and not c.resumed)
  check.equal(c.status, 0)
  check.equal(#context.new().overrides, 0)
  check.fails("calr.context.new has no option \"quite\" (did you mean \"quiet\"?)", context.new, { quite = true })
  check.fails("from calr.context.new", context.with, { script = "a.lua" }, print)
end)

check.test("with hands results through and puts the context before back", function()
  local a, b = context.new(), context.new()
  local one, none, three = context.with(a, function(...)
    check.equal(context.current(), a)
    check.equal(context.with(b, context.current), b)
    check.equal(context.current(), a)
    return ...
  end, 1, nil, 3)
  check.ok(one == 1 and none == nil and three == 3)
  check.equal(context.current(), outside)
end)

check.test("an error is the function's own, and the context before is current again", function()
  local value = { "an error value" }
  local ok, problem = pcall(context.with, context.new(), function() error(value) end)
  check.ok(not ok)
  check.equal(problem, value)
  check.equal(context.current(), outside)
end)

check.test("a coroutine that yields takes its context along", function()
  local a, b, seen = context.new(), context.new(), {}
  local function body()
    context.with(a, function()
      seen[#seen + 1] = context.current()
      coroutine.yield()
      seen[#seen + 1] = context.current()
    end)
    seen[#seen + 1] = context.current()
  end
  local thread = coroutine.create(body)
  check.ok(coroutine.resume(thread))
  check.equal(context.current(), outside, "the function has yielded")
  context.with(b, function()
    check.equal(context.current(), b)
    check.ok(coroutine.resume(thread))
  end)
  check.equal(seen[1], a)
  check.equal(seen[2], a, "resumed inside another context")
  check.equal(seen[3], b, "back in the context of who resumed it")
  check.equal(context.current(), outside)
end)

check.test("a coroutine that is made inside a context belongs to it while it is resumed there", function()
  local a, where = context.new(), nil
  local next_value = context.with(a, function()
    local iterator = coroutine.wrap(function()
      where = context.current()
      coroutine.yield(1)
      where = context.current()
    end)
    check.equal(iterator(), 1)
    check.equal(where, a)
    return iterator
  end)
  next_value()
  check.equal(where, outside)
end)

check.test("a coroutine that is closed inside a context ends it", function()
  local told
  local a = context.new()
  a:on("leave", function(problem) told = problem end)
  local thread = coroutine.create(function() context.with(a, coroutine.yield) end)
  coroutine.resume(thread)
  check.equal(told, nil)
  coroutine.close(thread)
  check.ok(tostring(told):find("abandoned", 1, true), tostring(told))
  check.equal(context.current(), outside)
end)

check.test("events reach those who listen, in order, until they are removed", function()
  local c, heard = context.new(), {}
  local function listen(name)
    return c:on("checkpoint", function(value) heard[#heard + 1] = name .. value end)
  end
  local first, second = listen "a", listen "b"
  c:tell("checkpoint", 1)
  first:remove()
  first:remove()
  c:tell("checkpoint", 2)
  do
    local _ <close> = listen "c"
    c:tell("checkpoint", 3)
  end
  c:tell("checkpoint", 4)
  second:remove()
  c:tell("checkpoint", 5)
  check.equal(table.concat(heard, " "), "a1 b1 b2 b3 c3 b4")
  context.new():tell("checkpoint", 6)
  check.fails("there is no event \"checkpoints\"; there are: options, epoch", c.on, c, "checkpoints", print)
  check.fails("an event needs a function", c.on, c, "epoch")
end)

check.test("one who removes himself does not keep the event from the next", function()
  local c, heard = context.new(), 0
  local own
  own = c:on("epoch", function() own:remove() end)
  c:on("epoch", function() heard = heard + 1 end)
  c:tell "epoch"
  c:tell "epoch"
  check.equal(heard, 2)
end)

check.test("leaving is told to the newest first, to all, with the error; the first failure counts", function()
  local c, order = context.new(), {}
  for i = 1, 3 do
    c:on("leave", function(problem)
      order[#order + 1] = i .. tostring(problem)
      if i > 1 then error("failed " .. i, 0) end
    end)
  end
  local ok, problem = pcall(context.with, c, function() error("E", 0) end)
  check.ok(not ok)
  check.equal(problem, "failed 3")
  check.equal(table.concat(order, " "), "3E 2E 1E")
  check.equal(context.current(), outside)
end)

check.test("calr.config tells of its options before it reads overrides", function()
  local c, defaults = context.new { overrides = { "epochs=7" } }, nil
  c:on("options", function(given) defaults = given end)
  local cfg = context.with(c, calr.config, { epochs = 20 })
  check.equal(defaults.epochs, 20)
  check.equal(cfg.epochs, 7)
  check.ok(c.heard)
  check.equal(context.with(context.new { values = { epochs = 5 } }, calr.config, { epochs = 20 }).epochs, 5)
  local resumed = context.new { record = { config = { epochs = 3 } } }
  check.equal(context.with(resumed, calr.config, { epochs = 20 }).epochs, 3)
end)

local function status(path)
  return calr.run.read(path).status
end

check.test("leaving ends the runs that were opened inside, and no others", function()
  local before = calr.run.open { out = tmp .. "/before" }
  local function inside(name, ending)
    return context.new { out = ("%s/%s"):format(tmp, name), quiet = true }, function()
      calr.run.open {}
      return ending and ending()
    end
  end
  context.with(inside "well")
  pcall(context.with, inside("failed", function() error("no luck", 0) end))
  pcall(context.with, inside("exit", function() require("calr.errors").exit(0) end))
  check.equal(status(tmp .. "/well"), "finished")
  check.equal(status(tmp .. "/failed"), "failed")
  check.equal(calr.run.read(tmp .. "/failed").error, "no luck")
  check.equal(status(tmp .. "/exit"), "finished")
  check.equal(status(tmp .. "/before"), "running")
  before:finish()
end)

check.test("runs tell those who listen in their context", function()
  local told = {}
  local c = context.new { out = tmp .. "/told", quiet = true }
  local function note(event)
    return function(run, value) told[#told + 1] = { event = event, path = run.path, value = value } end
  end
  local other = calr.run.on("checkpoint", note "outside")
  pcall(context.with, c, function()
    for _, event in ipairs { "checkpoint", "finish", "stop" } do calr.run.on(event, note(event)) end
    local run = calr.run.open {}
    run:checkpoint("a", { state = {} })
    run:finish { mAP = 0.5 }
    calr.run.open { out = tmp .. "/stopped" }
    error("stopped", 0)
  end)
  other:remove()
  check.equal(#told, 3)
  check.equal(told[1].event .. " " .. told[1].path .. " " .. told[1].value, "checkpoint " .. tmp .. "/told a")
  check.equal(told[2].event .. " " .. told[2].value.mAP, "finish 0.5")
  check.equal(told[3].event .. " " .. told[3].path .. " " .. told[3].value, "stop " .. tmp .. "/stopped stopped")
end)

check.test("an error of one who listens ends the script, and the run's record says so", function()
  local c = context.new { out = tmp .. "/left", quiet = true }
  c:on("checkpoint", function() require("calr.errors").leave("pruned", 0) end)
  pcall(context.with, c, function() calr.run.open {}:checkpoint("a", { state = {} }) end)
  check.equal(status(tmp .. "/left"), "pruned")
end)

check.test("a folder to go on in is for the first run of the context", function()
  local c = context.new { out = tmp .. "/again", quiet = true }
  pcall(context.with, c, function()
    calr.run.open {}:checkpoint("a", { state = { epoch = 2 } })
    error("killed", 0)
  end)
  context.with(context.new { resume = tmp .. "/again", out = tmp .. "/next", quiet = true }, function()
    local run = calr.run.open {}
    check.equal(run.path, tmp .. "/again")
    check.equal(select(2, run:restore "a").epoch, 2)
    check.equal(calr.run.open({}).path, tmp .. "/next")
  end)
  check.equal(status(tmp .. "/again"), "finished")
  check.equal(status(tmp .. "/next"), "finished")
end)

check.test("a trial hears of epochs, checkpoints and summaries inside it", function()
  local current = require "calr.lab.study.current"
  local told = {}
  local function note(name)
    return function(_, step, values) told[#told + 1] = ("%s %s %s"):format(name, step, values) end
  end
  local trial = { report = note "report", checkpointed = note "checkpointed", summary = note "summary" }
  local c = context.new { out = tmp .. "/trial", quiet = true }
  current.attach(c, trial)
  current.ask(c, { kind = "dry-run" })
  check.equal(current.trial(), nil)
  check.equal(current.mode().kind, "run")
  current.report(1, {}) -- outside: nothing happens
  context.with(c, function()
    check.equal(current.trial(), trial)
    check.equal(current.mode().kind, "dry-run")
    local run = calr.run.open {}
    run:tell("epoch", 4, { figures = function() return "figures" end })
    run:checkpoint("a", { state = {} })
    run:finish "summary"
    current.report(5, "own")
  end)
  check.equal(table.concat(told, "; "),
    "report 4 figures; checkpointed nil nil; summary summary nil; report 5 own")
end)

check.finish()
