--- @module calr.lab.bench.infer
--- calr bench infer: measures the features of a batch against PyTorch.

local config = require "calr.config"
local meter = require "calr.meter"
local no_grad = require("calr.autograd").no_grad
local pictures = require "calr.lab.bench.frame.images"
local pipeline = require "calr.pipeline"
local step = require "calr.lab.bench.frame.step"
local sys = require "calr.sys"
local T = require "calr.tensor"

local benchmark = {
  summary = "inference: the features of a batch by the folded network; peer PyTorch (channels-last, eager and frozen)",
  options = step.options {
    unfolded = config.option(false, "add a row for the network in its training form"),
    features = config.option(0, "images of a data set to extract features from, decoding included; 0: none"),
    data = config.option("", "the data set of --features (.lmdb); default: generated images of 128x64"),
    forms = config.option({ "eager", "frozen" },
      "of the peer: eager, frozen (TorchScript for inference), compiled, openvino"),
  },
}

local function measure(bench, options, work, network, images, list)
  local memory = bench.memory()
  local function run() no_grad(network, images) end
  run()
  local events = meter.count(run)
  local time = bench.time(run, { peers = list, lasts = 0.3, probe = true })
  bench.row { work = work, time = time, flops = step.total(events, "flops"), count = options.batch, unit = "images",
    memory = memory(), aim = { share = 0.85 } }
end

-- All features of a data set, with decoding in parallel, alternating with the bare network.
local function feature_row(bench, options, network, images)
  local folder <close> = pictures.folder()
  local split = pictures.open(options.data, options.features, folder, bench)
  local count, rows = math.min(options.features, split:count()), {}
  count = math.max(1, count // options.batch) * options.batch
  for i = 1, count do rows[i] = (i - 1) % split:count() end
  rows = T(rows, "i64")
  local cfg = { eval_batch = options.batch, height = options.height, width = options.width }
  local fast, whole, bare, ratios = network:folded(), {}, {}, {}
  no_grad(fast, images)
  for i = 1, bench.repeats or 5 do
    local began = sys.clock()
    pipeline.features(network, split, cfg, rows)
    local middle = sys.clock()
    for _ = 1, count // options.batch do no_grad(fast, images) end
    whole[i], bare[i] = middle - began, sys.clock() - middle
    ratios[i] = bare[i] / whole[i]
  end
  bench.row { work = ("features of %d images, with decoding"):format(count), seconds = bench.median(whole),
    count = count, unit = "images", peer = { name = "the bare network", seconds = bench.median(bare),
      ratios = ratios }, aim = { ratio = 0.95 } }
end

--- calr.lab.bench.infer.rows(bench, options)
--- Prints a row for the folded network (in bf16 it computes in f32 if the processor has no bf16), with --unfolded one
--- for the other form, with --features N one for a data set's features.
function benchmark.rows(bench, options)
  bench.limits()
  local network = step.network(options):train(false)
  local images, list = step.images(options), {}
  for _, form in ipairs(options.forms) do
    local given = { form = form }
    for _, name in ipairs { "network", "batch", "height", "width", "precision" } do
      given[name] = options[name]
    end
    for _, peer in ipairs(bench.peer("infer", given)) do list[#list + 1] = peer end
  end
  if options.features > 0 then bench.compare() end
  measure(bench, options, step.text(options), network:folded(), images, list)
  if options.unfolded then measure(bench, options, step.text(options) .. ", not folded", network, images, {}) end
  for _, peer in ipairs(list) do peer:close() end
  if options.features > 0 then feature_row(bench, options, network, images) end
end

return benchmark
