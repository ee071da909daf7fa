--- @module calr.lab.bench.layers
--- calr bench layers: measures the roofline of a training step, layer by layer: operations, bytes, their least time,
--- and the actual time of each pass.

local config = require "calr.config"
local format = require "calr.lab.bench.frame.format"
local meter = require "calr.meter"
local no_grad = require("calr.autograd").no_grad
local step = require "calr.lab.bench.frame.step"

local benchmark = {
  summary = "every layer of a step: operations, bytes, limit, time of each pass",
  options = step.options {
    clusters = config.option(1000, "clusters of the memory"),
    sort = config.choice({ "network", "gap", "time" }, "order of the layers"),
    pass = config.choice({ "train", "infer" }, "a training step, or inference by the folded network"),
    top = config.option(0, "number of layers to show; 0: all"),
  },
}

-- The passes of a layer, in the order of the columns.
local passes = { "forward", "data", "weights", "norm forward", "norm backward", "rest" }
local heads = { "forward", "backward\ndata", "backward\nweights", "norm\nforward", "norm\nbackward", "rest" }

local function pass_of(event, part)
  local kernel = event.kernel
  if kernel:match "^conv.*normed_backward" then return "data" end -- and weights, and the norm
  if kernel:match "norm_backward" then return "norm backward" end
  if kernel:match "norm" and not kernel:match "^conv" and part == "forward" then return "norm forward" end
  if kernel:match "^conv" then
    return kernel:match "backward_data" and "data" or kernel:match "backward_weights" and "weights" or "forward"
  end
  return "rest"
end

-- One step: label -> pass -> {seconds=, limit=, flops=, bytes=}, and the detail of each label.
local function one_step(parts, limits, details)
  local layers, kernels, total = {}, 0, 0
  for _, part in ipairs(parts) do
    local events, seconds = meter.count(part.run)
    total = total + seconds
    for _, event in ipairs(events) do
      local layer = layers[event.label] or {}
      layers[event.label] = layer
      local pass = pass_of(event, part.name)
      local cell = layer[pass] or { seconds = 0, limit = 0, flops = 0, bytes = 0 }
      layer[pass] = cell
      cell.seconds, cell.flops, cell.bytes = cell.seconds + event.seconds, cell.flops + event.flops,
        cell.bytes + event.bytes
      cell.limit = cell.limit + math.max(event.flops / limits.gemm, event.bytes / limits.bandwidth)
      kernels = kernels + event.seconds
      if pass == "forward" then details[event.label] = event.detail end
    end
  end
  return layers, kernels, total
end

-- The cell of each layer and pass with the median time over the samples.
local function merge(bench, samples, labels)
  local records = {}
  for number = 0, #labels do
    local record = { name = labels[number].name, seconds = 0, limit = 0, flops = 0, bytes = 0, passes = {} }
    local some = false
    for _, pass in ipairs(passes) do
      local times, cell = {}, nil
      for i, sample in ipairs(samples) do
        cell = sample[number] and sample[number][pass]
        times[i] = cell and cell.seconds or 0
      end
      if cell then
        some = true
        cell = { seconds = bench.median(times), limit = cell.limit, flops = cell.flops, bytes = cell.bytes }
        record.passes[pass] = cell
        for field, value in pairs(cell) do record[field] = record[field] + value end
      end
    end
    if some then records[#records + 1] = record end
    record.number = number
  end
  return records
end

local function sum(records, name)
  local total = { name = name, seconds = 0, limit = 0, flops = 0, bytes = 0, passes = {} }
  local function add(to, from)
    for _, field in ipairs { "seconds", "limit", "flops", "bytes" } do to[field] = (to[field] or 0) + from[field] end
  end
  for _, record in ipairs(records) do
    add(total, record)
    for pass, cell in pairs(record.passes) do
      total.passes[pass] = total.passes[pass] or {}
      add(total.passes[pass], cell)
    end
  end
  return total
end

local function ms(seconds)
  return ("%.2f"):format(1e3 * seconds)
end

local function share(cell)
  return cell.limit > 0 and cell.seconds > 0 and ("%3.0f"):format(100 * cell.limit / cell.seconds) or "  -"
end

local function cells_of(record, detail)
  local row = { record.name, detail or "", record.flops > 0 and ("%.2f"):format(record.flops / 1e9) or false,
    ("%.0f"):format(record.bytes / 1e6), ms(record.limit), ms(record.seconds), ms(record.seconds - record.limit),
    share(record) }
  for _, pass in ipairs(passes) do
    local cell = record.passes[pass]
    row[#row + 1] = cell and ms(cell.seconds) .. " " .. share(cell) or false
  end
  return row
end

local function columns()
  local list = { "layer", "images x h x w x in > out" }
  for _, head in ipairs { "GFLOP", "MB", "limit\nms", "time\nms", "gap\nms", "%" } do
    list[#list + 1] = { head, align = "right", missing = "" }
  end
  for _, head in ipairs(heads) do list[#list + 1] = { head .. "\nms   %", align = "right", missing = "" } end
  return list
end

local function training(options)
  local run, network, parts = step.make(options)
  return run, step.label(network), parts
end

local function inference(options)
  local network = step.network(options):train(false)
  local images = step.images(options)
  network = network:folded()
  local function run() no_grad(network, images) end
  return run, step.label(network), { { name = "forward", run = run } }
end

--- calr.lab.bench.layers.rows(bench, options)
--- Prints a table of layers with its sum, then a row for each kind of pass. "%" is the limit, max(operations / rate of
--- products, bytes / rate of the memory), as a share of the measured time.
function benchmark.rows(bench, options)
  local limits = bench.limits()
  local run, labels, parts = (options.pass == "train" and training or inference)(options)
  run()
  run()
  local samples, details, kernels, totals = {}, {}, {}, {}
  for i = 1, bench.repeats or 5 do
    bench.progress(("step %d"):format(i))
    collectgarbage()
    samples[i], kernels[i], totals[i] = one_step(parts, limits, details)
  end
  bench.progress ""
  local records = merge(bench, samples, labels)
  local total = sum(records, "sum")
  if options.sort ~= "network" then
    local function key(record) return options.sort == "gap" and record.seconds - record.limit or record.seconds end
    table.sort(records, function(a, b) return key(a) > key(b) or (key(a) == key(b) and a.number < b.number) end)
  end
  local rows = {}
  for i, record in ipairs(records) do
    record.detail = details[record.number]
    if options.top < 1 or i <= options.top then rows[#rows + 1] = cells_of(record, record.detail) end
  end
  rows[#rows + 1] = "-"
  rows[#rows + 1] = cells_of(total)
  bench.table { title = ("%s: %s, by layer"):format(step.text(options), options.pass == "train" and "training"
    or "inference"), records = records, rows = rows,
    columns = columns() }
  for _, pass in ipairs(passes) do
    local cell = total.passes[pass]
    if cell then
      bench.row { work = ({ forward = "convolutions, forward", data = "convolutions, backward data",
        weights = "convolutions, backward weights", ["norm forward"] = "norms, forward",
        ["norm backward"] = "norms, backward", rest = "rest" })[pass], seconds = cell.seconds,
        flops = cell.flops > 0 and cell.flops or nil, bytes = cell.bytes, limit = cell.limit }
    end
  end
  bench.row { work = "all kernels", seconds = bench.median(kernels), flops = total.flops, limit = total.limit }
  bench.row { work = "the whole, with kernels counted", seconds = bench.median(totals), flops = total.flops,
    count = options.batch, unit = "images", limit = total.limit }
  bench.note(("Sum of the limits of all kernels: %s. Fusing norms, activations and sums into the passes over "
    .. "memory before or after them would lower it."):format(format.time(total.limit)))
end

return benchmark
