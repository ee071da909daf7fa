--- @module calr.lab.bench.train
--- calr bench train: measures one training step against PyTorch.

local config = require "calr.config"
local meter = require "calr.meter"
local step = require "calr.lab.bench.frame.step"
local sys = require "calr.sys"

local benchmark = {
  summary = "a training step: forward, memory loss, backward, Adam; peer PyTorch (channels-last)",
  options = step.options {
    clusters = config.option(1000, "clusters of the memory"),
    checkpoint = config.option(false, "keep only the inputs of blocks and run them again: less memory, more time"),
    scaling = config.option(false, "add rows for one thread against all"),
    compile = config.option(false, "the peer uses torch.compile"),
  },
}

-- The same work on one thread and on all, in alternation. measure() returns the seconds of a sample.
local function scaling_row(bench, row, measure)
  local threads, one, all, ratios = sys.threads(), {}, {}, {}
  local _ <close> = setmetatable({}, { __close = function() sys.threads(threads) end })
  for i = 1, bench.repeats or 5 do
    sys.threads(1)
    one[i] = measure()
    sys.threads(threads)
    all[i] = measure()
    ratios[i] = one[i] / all[i]
  end
  row.work, row.seconds = ("%s, %d threads"):format(row.work, threads), bench.median(all)
  row.peer = { name = "one thread", seconds = bench.median(one), ratios = ratios }
  bench.row(row)
end

-- The machine's own gain from more threads is shown beside the step: cores share power, caches and memory, and those of
-- a virtual machine may be two threads of one core.
local function scaling_rows(bench, options, run)
  scaling_row(bench, { work = options.network, count = options.batch, unit = "images",
    aim = sys.threads() == 2 and { ratio = 1.85 } or nil }, function()
    run()
    local began = sys.clock()
    run()
    return sys.clock() - began
  end)
  scaling_row(bench, { work = "products of matrices", flops = 2 * 2048 ^ 3 }, function() return meter.gemm(2048, 3) end)
  scaling_row(bench, { work = "reading memory", bytes = 1 << 29 }, function()
    return meter.stream("read", 1 << 29, 3)
  end)
end

--- calr.lab.bench.train.rows(bench, options)
--- Prints one row, and with --scaling three more for one thread against all. The limit counts the operations of
--- convolutions and products as defined.
function benchmark.rows(bench, options)
  bench.limits()
  if options.scaling then bench.compare() end
  local memory = bench.memory()
  local run = step.make(options)
  local events = meter.count(run) -- the first step, which also warms up
  do
    local peers <close> = bench.peer("train", options)
    local time = bench.time(run, { peers = peers, lasts = 0.3, probe = true, warmup = 0 })
    bench.row {
      work = step.text(options), time = time, flops = step.total(events, "flops"), memory = memory(),
      count = options.batch, unit = "images", aim = { ratio = options.network == "resnet50" and 1.5 or 2,
        share = options.network == "resnet50" and 0.65 or nil },
    }
  end
  if options.scaling then scaling_rows(bench, options, run) end
end

return benchmark
