--- @module calr.bench.train
--- calr bench train: one training step, beside PyTorch.

local config = require "calr.config"
local meter = require "calr.meter"
local step = require "calr.bench.frame.step"

local benchmark = {
  summary = "a training step: forward, memory loss, backward, Adam; peer PyTorch (channels-last)",
  options = step.options {
    clusters = config.option(1000, "clusters of the memory"),
    compile = config.option(false, "the peer uses torch.compile"),
  },
}

--- calr.bench.train.rows(bench, options)
--- One row. The limit counts the operations of convolutions and products as they are defined.
function benchmark.rows(bench, options)
  bench.limits()
  local memory = bench.memory()
  local run = step.make(options)
  run()
  local events = meter.count(run)
  local peers <close> = bench.peer("train", options)
  local time = bench.time(run, { peers = peers, single = true })
  bench.row {
    work = step.text(options), time = time, flops = step.total(events, "flops"), memory = memory(),
    count = options.batch, unit = "images", aim = { ratio = options.network == "resnet50" and 1.5 or 2,
      share = options.network == "resnet50" and 0.65 or nil },
  }
end

return benchmark
