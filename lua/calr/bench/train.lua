--- @module calr.bench.train
--- calr bench train: one training step, beside PyTorch.

local config = require "calr.config"
local meter = require "calr.meter"
local step = require "calr.bench.frame.step"
local sys = require "calr.sys"

local benchmark = {
  summary = "a training step: forward, memory loss, backward, Adam; peer PyTorch (channels-last)",
  options = step.options {
    clusters = config.option(1000, "clusters of the memory"),
    scaling = config.option(false, "a row for one thread against all, too"),
    compile = config.option(false, "the peer uses torch.compile"),
  },
}

-- The same step on one thread and on all, in alternation.
local function scaling_row(bench, options, run)
  local threads, one, all, ratios = sys.threads(), {}, {}, {}
  local function sample(count)
    sys.threads(count)
    run()
    local began = sys.clock()
    run()
    return sys.clock() - began
  end
  for i = 1, bench.repeats or 5 do
    one[i], all[i] = sample(1), sample(threads)
    ratios[i] = one[i] / all[i]
  end
  bench.row { work = ("%s, %d threads"):format(options.network, threads), seconds = bench.median(all),
    count = options.batch, unit = "images", peer = { name = "one thread", seconds = bench.median(one),
      ratios = ratios }, aim = threads == 2 and { ratio = 1.85 } or nil }
end

--- calr.bench.train.rows(bench, options)
--- One row, and with --scaling one more for one thread against all. The limit counts the operations of convolutions and
--- products as they are defined.
function benchmark.rows(bench, options)
  bench.limits()
  if options.scaling then bench.compare() end
  local memory = bench.memory()
  local run = step.make(options)
  run()
  local events = meter.count(run)
  do
    local peers <close> = bench.peer("train", options)
    local time = bench.time(run, { peers = peers, single = true, probe = true, warmup = 0 })
    bench.row {
      work = step.text(options), time = time, flops = step.total(events, "flops"), memory = memory(),
      count = options.batch, unit = "images", aim = { ratio = options.network == "resnet50" and 1.5 or 2,
        share = options.network == "resnet50" and 0.65 or nil },
    }
  end
  if options.scaling then scaling_row(bench, options, run) end
end

return benchmark
