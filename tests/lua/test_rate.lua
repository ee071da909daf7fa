-- The optimisers and schedules of the pipeline: options, files and functions of a script's own, clipping, and where a
-- loss that is not finite began.
local check = require "check"
local calr = require "calr"
local here = require("calr.context").current()
local P, S = calr.pipeline, calr.optim.schedule

here.quiet = true
local tmp = os.getenv "CALR_TEST_TMP"

require("calr.data.make").run {
  generator = "street", to = tmp .. "/street.lmdb",
  options = { ids = 6, test_ids = 3, distractors = 2, junk = 1, cameras = 2, images = 3, height = 32, width = 16,
    seed = 5 },
}
local street = calr.data.open(tmp .. "/street.lmdb")
local labels = street:train():labels()

local function config(changes, words)
  local small = {
    data = "street.lmdb", height = 16, width = 8, epochs = 1, iterations = 2, clusters = 3, instances = 2, lr = 0.5,
    augment = { pad = 0 }, alignment = { weight = 0 },
  }
  for name, value in pairs(changes or {}) do small[name] = value end
  return calr.config.resolve(P.defaults(small), words or {})
end

local runs = 0

-- Stage 2 with a memory of the true labels. Returns the rates before each batch, the network and the metrics.
local function run(changes, more, options, words)
  local cfg, rates = config(changes, words), {}
  runs = runs + 1
  here.out = ("%s/run-%d"):format(tmp, runs)
  local net = calr.models.small { width = 4, seed = 1 }
  local record = P.run_of(cfg, street)
  local ok, problem = pcall(function()
    for _, step in P.epochs(net, street, cfg, more) do
      local o = { each = function() rates[#rates + 1] = step.optimizer.lr end }
      for name, value in pairs(options or {}) do o[name] = value end
      step:train(calr.memory.cluster { features = step:features(), labels = labels }, o)
    end
  end)
  record:finish()
  if not ok then error(problem, 0) end
  return rates, net, calr.run.metrics(record.path)
end

-- What the rates of `epochs` epochs of 2 batches are by a schedule of epochs or of batches.
local function rates_of(schedule, epochs, by_batch)
  local list = {}
  for i = 0, 2 * epochs - 1 do list[i + 1] = schedule(by_batch and i or i // 2) end
  return list
end

-- Rates are tiny where weights must stay finite: only the schedule is looked at.
local lr = 1e-4

check.test("each schedule sets the rate of every epoch, or of every batch", function()
  local cases = {
    { {}, S.step { lr = lr, every = 20 } },
    { { lr_every = 2, lr_factor = .5 }, S.step { lr = lr, every = 2, factor = .5 } },
    { { schedule = "multi-step", milestones = { 1, 3 } }, S.multi_step { lr = lr, milestones = { 1, 3 } } },
    { { schedule = "exponential", lr_factor = .7 }, S.exponential { lr = lr, factor = .7 } },
    { { schedule = "cosine", lr_min = 1e-5 }, S.cosine { lr = lr, total = 4, min = 1e-5 } },
    { { schedule = "polynomial", lr_power = 2.0 }, S.polynomial { lr = lr, total = 4, power = 2 } },
    { { schedule = "one-cycle" }, S.one_cycle { lr = lr, total = 4 } },
    { { schedule = "constant" }, S.constant { lr = lr } },
    { { schedule = "cosine", warmup = 2.0, warmup_start = .1 },
      S.warmup(S.cosine { lr = lr, total = 2 }, { total = 2, start = .1 }) },
    { { schedule = "multi-step", milestones = { 2, 3 }, warmup = 1.0 },
      S.warmup(S.multi_step { lr = lr, milestones = { 1, 2 } }, { total = 1 }) },
    { { schedule = "cosine", lr_by = "iteration" }, S.cosine { lr = lr, total = 8 }, true },
    { { schedule = "one-cycle", lr_by = "iteration" }, S.one_cycle { lr = lr, total = 8 }, true },
    { { lr_by = "iteration", lr_every = 2 }, S.step { lr = lr, every = 4 }, true },
    { { schedule = "constant", warmup = 1.5, lr_by = "iteration" }, S.warmup(S.constant { lr = lr }, { total = 3 }),
      true },
  }
  for i, case in ipairs(cases) do
    case[1].lr, case[1].epochs = lr, 4
    local rates, target = {}, {}
    local rate = require "calr.pipeline.rate".new(config(case[1]), target)
    for epoch = 0, 3 do
      rate:epoch(epoch)
      for batch = 1, 2 do
        rate:iteration(epoch, batch, 2)
        rates[#rates + 1] = target.lr
      end
    end
    check.all_near(rates, rates_of(case[2], 4, case[3]), 1e-15, "case " .. i)
    if i % 5 == 4 then
      local trained, _, metrics = run(case[1])
      check.all_near(trained, rates, 0)
      check.equal(metrics[4].lr, rates[#rates])
    end
  end
end)

check.test("a schedule of the script's, and one that ends too early", function()
  local rates = run({ epochs = 3 }, { schedule = function(position) return 1e-4 / (1 + position) end })
  check.all_near(rates, { 1e-4, 1e-4, 5e-5, 5e-5, 1e-4 / 3, 1e-4 / 3 }, 1e-12)
  rates = run({ epochs = 2, lr_by = "iteration" }, { schedule = S.cosine { lr = 1e-4, total = 3 } })
  check.equal(#rates, 4)
  local trained = false
  local function early(schedule, text, changes)
    changes = changes or {}
    changes.epochs = 9
    check.fails(text, run, changes, { schedule = schedule }, { each = function() trained = true end })
  end
  early(S.cosine { lr = 1, total = 5 }, "the schedule \"cosine\" ends at position 5, and position 8 was asked for")
  early(S.one_cycle { lr = 1, total = 9 }, "ends at position 8, and position 17", { lr_by = "iteration" })
  early(function(position) return position < 5 and 1 or nil end, "the schedule gives nil at position 8")
  early("cosine", "schedule must be one of calr.optim.schedule or a function(position), not a string")
  check.ok(not trained, "named before the first batch")
end)

-- errors.usage ends the program: its error says so.
local function refused(text, changes)
  local ok, problem = pcall(run, changes)
  check.ok(not ok and tostring(problem.message or problem):find(text, 1, true), tostring(problem))
end

check.test("options that contradict each other", function()
  refused("schedule=multi-step needs milestones", { schedule = "multi-step" })
  refused("option \"milestones\" does nothing with schedule=step", { milestones = { 3 } })
  refused("rising numbers of epochs, above warmup = 2; 2 is not", { schedule = "multi-step", milestones = { 2 },
    warmup = 2.0 })
  refused("\"lr_min\" does nothing with schedule=one-cycle", { schedule = "one-cycle", lr_min = .1 })
  refused("\"lr_power\" does nothing with schedule=cosine", { schedule = "cosine", lr_power = 2.0 })
  refused("\"lr_min\" must be at most lr = 0.5", { schedule = "cosine", lr_min = 1.0 })
  refused("\"warmup\" must be below epochs = 1; 1 is not", { warmup = 1.0 })
end)

local function write(name, text)
  local path = ("%s/%s.lua"):format(tmp, name)
  calr.sys.write_file(path, text)
  return path
end

local function moved(net)
  local start, sum = calr.models.small { width = 4, seed = 1 }:state(), 0
  for name, tensor in pairs(net:state()) do
    if not name:find "running" and not name:find "batches" then
      sum = sum + (tensor:detach() - start[name]:detach()):norm():item() ^ 2
    end
  end
  return math.sqrt(sum)
end

check.test("an optimiser in a file: its options are those of the run", function()
  local path = write("signs", [[
    return require("calr.optim").define("signs", {
      options = { lr = 1, shrink = 0.5 },
      update = function(w, g, _, o) w:sub_(g:sign() * (o.lr * o.shrink)) end,
    })]])
  local function distance(words)
    local _, net = run({ lr = 1e-3, iterations = 1, optimizer = path }, nil, nil, words)
    return moved(net)
  end
  local whole = distance {}
  check.ok(whole > 0)
  check.near(distance { "shrink=0.25" }, whole / 2, 1e-4 * whole)
  check.fails("has no option weight_decay: leave out weight_decay=0.1", distance { "weight_decay=0.0" } and run,
    { optimizer = path, weight_decay = 0.1 })
  check.fails("is a table without step", run, { optimizer = write("none", "return function() return {} end") })
  check.fails("is nil: end its function with return optimizer", run,
    { optimizer = write("empty", "return function() end") })
  check.fails("there is no optimizer \"adm\" (did you mean \"adam\"?)", function()
    local cfg = config()
    cfg.optimizer = "adm"
    require("calr.pipeline.optimizer").make(cfg, {}, 1)
  end)
end)

check.test("an optimiser by a function, with groups", function()
  local given
  local _, net = run({ lr = 1e-3, iterations = 1 }, { optimizer = function(parameters, o)
    given = o.lr
    return calr.optim.sgd({ { params = parameters, lr = 0 } }, { lr = o.lr })
  end })
  check.equal(given, 1e-3)
  check.equal(moved(net), 0)
  check.fails("optimizer must be a function(parameters)", run, {}, { optimizer = "adam" })
end)

check.test("adamw, no_decay and max_norm", function()
  local _, net = run { lr = 1e-3, iterations = 1, optimizer = "adamw", weight_decay = 0.1, no_decay = true }
  check.ok(moved(net) > 0)
  local plain = select(2, run { lr = 1e-3, iterations = 1, optimizer = "sgd", weight_decay = 0.0 })
  local clipped = select(2, run { lr = 1e-3, iterations = 1, optimizer = "sgd", weight_decay = 0.0, max_norm = 0.5 })
  check.near(moved(clipped), 1e-3 * 0.5, 1e-6)
  check.ok(moved(plain) > 2 * moved(clipped))
end)

check.test("a loss that is not finite is named, with the line where it began", function()
  local line
  local function bad(batch)
    local x = batch.features - 2
    line = debug.getinfo(1, "l").currentline + 1
    return x:log():sum()
  end
  local ok, problem = pcall(run, {}, nil, { losses = { mine = bad } })
  check.ok(not ok)
  for _, text in ipairs { "the loss \"mine\" became NaN in batch 1 of epoch 0 of training", "lower the learning rate",
    ("It began at %s:%d: log: anomaly: it made"):format(debug.getinfo(1, "S").source:sub(2), line) } do
    check.ok(tostring(problem):find(text, 1, true), text .. ": " .. tostring(problem))
  end
  ok, problem = pcall(run, { lr = 1e30, pooling = "average" }, { optimizer = function(parameters)
    return calr.optim.sgd(parameters, { lr = 1e30 })
  end })
  check.ok(not ok and tostring(problem):find("The features of the network are not finite themselves", 1, true),
    tostring(problem))
  -- A loss whose value is finite and whose gradient is not: at 0, the square root is infinitely steep.
  check.fails("the gradient of \"", run, {}, nil, { losses = { function(batch)
    return (batch.features * 0):sqrt():sum()
  end } })
end)

check.finish()
