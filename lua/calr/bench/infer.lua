--- @module calr.bench.infer
--- calr bench infer: features of a batch, beside PyTorch.

local config = require "calr.config"
local meter = require "calr.meter"
local models = require "calr.models"
local no_grad = require("calr.autograd").no_grad
local step = require "calr.bench.frame.step"

local benchmark = {
  summary = "inference: the features of a batch by the folded network; peer PyTorch (channels-last, eager and frozen)",
  options = step.options {
    unfolded = config.option(false, "a row for the network as it is trained, too"),
    forms = config.option({ "eager", "frozen" }, "of the peer: eager, frozen (TorchScript for inference), compiled"),
  },
}

local function measure(bench, options, work, network, images, list)
  local memory = bench.memory()
  local function run() no_grad(network, images) end
  run()
  local events = meter.count(run)
  local time = bench.time(run, { peers = list, single = true })
  bench.row { work = work, time = time, flops = step.total(events, "flops"), count = options.batch, unit = "images",
    memory = memory(), aim = { share = 0.85 } }
end

--- calr.bench.infer.rows(bench, options)
--- A row for the folded network, and with --unfolded one for the other.
function benchmark.rows(bench, options)
  bench.limits()
  local network = models.make(options.network, { seed = 1 })
  local images, list = step.images(options), {}
  network:train(false)
  for _, form in ipairs(options.forms) do
    local given = { form = form }
    for _, name in ipairs { "network", "batch", "height", "width" } do given[name] = options[name] end
    for _, peer in ipairs(bench.peer("infer", given)) do list[#list + 1] = peer end
  end
  measure(bench, options, step.text(options), network:folded(), images, list)
  if options.unfolded then measure(bench, options, step.text(options) .. ", not folded", network, images, {}) end
  for _, peer in ipairs(list) do peer:close() end
end

return benchmark
