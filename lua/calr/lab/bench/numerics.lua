--- @module calr.lab.bench.numerics
--- calr bench numerics: compares the gradients of a batch and the losses of an epoch with PyTorch's in f32 and f64.
---
--- Both programs get the same weights, images and memory, in a temporary folder. The peer computes the gradients of
--- the first batch in f64, and reports the distance of calr's gradients and of its own f32 gradients from them.
---
--- If the input of a ReLU is within rounding of zero, or two pixels of a pooling window are within rounding of each
--- other, two computations may decide differently, and the gradients follow. So calr's are also compared with f64
--- gradients that use calr's decisions: that distance comes from the arithmetic alone.

local T = require "calr.tensor"
local autograd = require "calr.autograd"
local config = require "calr.config"
local memory = require "calr.memory"
local models = require "calr.models"
local npy = require "calr.npy"
local optim = require "calr.optim"
local pictures = require "calr.lab.bench.frame.images"
local rng = require "calr.rng"
local safetensors = require "calr.safetensors"
local errors = require "calr.errors"
local text = require "calr.text"

local LEARNING_RATE, DECAY = 3.5e-4, 5e-4

local benchmark = {
  summary = "gradients of a batch and losses of an epoch, against PyTorch in f32 and f64 (needs --peer)",
  options = {
    network = config.choice({ "resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "small" }, "the network"),
    batch = config.option(32, "images per batch"),
    height = config.option(128, "of the images"),
    width = config.option(64, "of the images"),
    images = config.option(1600, "images per epoch"),
    data = config.option("", "a data set (.lmdb); default: generated images of 128x64"),
    seed = config.option(1, "of the weights and the order"),
  },
}

-- All images of the epoch in their order, f32[n x h x w x 3], and their classes, i32[n] from 0.
local function read_epoch(split, options)
  local count = math.min(options.images, split:count()) // options.batch * options.batch
  if count == 0 then errors.usage("%d images are fewer than a batch", math.min(options.images, split:count())) end
  local order = {}
  for i = 1, split:count() do order[i] = i - 1 end
  rng.open { seed = options.seed, purpose = "epoch" }:shuffle(order)
  order = T(table.move(order, 1, count, 1, {}), "i64")
  local images, at = T.zeros { count, options.height, options.width, 3 }, 1
  for batch in split:batches { order = order, batch = options.batch, height = options.height, width = options.width,
                               augment = false } do
    images:narrow(1, at, batch:size(1)):copy(batch)
    at = at + batch:size(1)
  end
  local identities, classes, labels, known = split:identities(), 0, {}, {}
  for i = 1, count do
    local identity = identities:get(order:get(i) + 1)
    if not known[identity] then known[identity], classes = classes, classes + 1 end
    labels[i] = known[identity]
  end
  return images, T(labels, "i32"), classes
end

-- Keeps the outputs of the ReLUs and the input of the max pooling, in the order of the forward pass.
local function watch(network, kept)
  local ended = {}
  local function visit(layer, name)
    local forward = layer.forward
    if name == "maxpool" or #layer.children == 0 then
      function layer.forward(self, x, ...)
        if name == "maxpool" then kept["maxpool"] = x:clone() end
        local y = forward(self, x, ...)
        if layer.relu then
          kept.count = kept.count + 1
          kept[("relu.%d"):format(kept.count)] = y:clone()
        end
        return y
      end
      ended[#ended + 1] = function() layer.forward = nil end
    end
    for _, child in ipairs(layer.children) do visit(child.layer, child.name) end
  end
  visit(network, "")
  return function()
    for _, undo in ipairs(ended) do undo() end
  end
end

-- The gradients of the first batch and the decisions that led to them.
local function first_gradients(network, bank, images, labels)
  local kept = { count = 0 }
  local unwatch = watch(network, kept)
  local loss = bank:loss(network(images), { labels = labels })
  unwatch()
  autograd.backward(loss)
  kept.count = nil
  for _, parameter in ipairs(network:parameters()) do
    local gradient = parameter.tensor:grad()
    if gradient then kept["gradient." .. parameter.name] = gradient:clone() end
  end
  return kept
end

local function train(network, bank, images, labels, batch)
  local optimizer, losses = optim.adam(network:parameters(), { lr = LEARNING_RATE, weight_decay = DECAY }), {}
  for at = 1, images:size(1), batch do
    local wanted = { labels = labels:narrow(1, at, batch) }
    local features = network(images:narrow(1, at, batch))
    local loss = bank:loss(features, wanted)
    losses[#losses + 1] = loss:item()
    optimizer:zero_grad()
    autograd.backward(loss)
    optimizer:step()
    bank:update(features, wanted)
  end
  return losses
end

-- Largest and mean relative distance of two curves, and that of the means of their last fifths.
local function distance(a, b)
  local most, sum, last_a, last_b = 0, 0, 0, 0
  for i = 1, #a do
    local apart = math.abs(a[i] - b[i]) / math.max(1e-12, math.abs(b[i]))
    most, sum = math.max(most, apart), sum + apart
    if i > #a - math.max(1, #a // 5) then last_a, last_b = last_a + a[i], last_b + b[i] end
  end
  return { most = most, mean = sum / #a, last = math.abs(last_a - last_b) / last_b }
end

local function number(value) return ("%.1e"):format(value) end

local function gradient_table(bench, found)
  local rows = {}
  for _, row in ipairs(found.gradients) do
    rows[#rows + 1] = { row.name, number(row.median), number(row.worst), row.parameter }
  end
  bench.table { title = "gradients of the first batch: relative distance from f64", records = found.gradients,
    columns = { { "computed by" }, { "median", align = "right" }, { "worst", align = "right" },
      { "of parameter" } }, rows = rows }
end

local function curve_table(bench, ours, found)
  local curves, rows, records = { { name = "calr", losses = ours } }, {}, {}
  for _, curve in ipairs(found.curves) do curves[#curves + 1] = curve end
  local reference = curves[#curves]
  for _, curve in ipairs(curves) do
    local d = distance(curve.losses, reference.losses)
    records[#records + 1] = { name = curve.name, losses = curve.losses, distance = d }
    rows[#rows + 1] = { curve.name, ("%.5f"):format(curve.losses[1]), ("%.4f"):format(curve.losses[#ours // 2 + 1]),
      ("%.4f"):format(curve.losses[#ours]), number(d.mean), number(d.most), number(d.last) }
  end
  bench.table { title = ("losses of %d steps"):format(#ours), records = records, rows = rows, columns = {
    { "computed by" }, { "first", align = "right" }, { "middle", align = "right" },
    { "last", align = "right" }, { "mean apart", align = "right" },
    { "most", align = "right" }, { "last fifth", align = "right" } } }
end

--- calr.lab.bench.numerics.rows(bench, options)
--- Prints two tables: distances of gradients and of loss curves from the last line, PyTorch in f64.
function benchmark.rows(bench, options)
  if #(bench.session.settings.peers or {}) == 0 then
    errors.usage("calr bench numerics compares with PyTorch: name a Python that has it with --peer PYTHON")
  end
  local folder <close> = pictures.folder()
  local split = pictures.open(options.data, options.images, folder, bench)
  local images, labels, classes = read_epoch(split, options)
  local network = models.make(options.network, { seed = options.seed }):train(true)
  local vectors = T.l2_normalize(rng.open { seed = options.seed, purpose = "memory" }:fill_normal(
    T.zeros { classes, network.dim }))
  local function new_bank() return memory.cluster { features = vectors, labels = T.arange(classes, "i32") } end
  safetensors.save(folder.path .. "/weights.safetensors", network:state())
  npy.save(folder.path .. "/images.npy", images)
  npy.save(folder.path .. "/labels.npy", labels)
  npy.save(folder.path .. "/vectors.npy", vectors)
  local batch = options.batch
  bench.progress "calr: the first batch"
  safetensors.save(folder.path .. "/first.safetensors", first_gradients(network, new_bank(),
    images:narrow(1, 1, batch), labels:narrow(1, 1, batch)))
  network:load_state(safetensors.load(folder.path .. "/weights.safetensors"))
  bench.progress "calr: the epoch"
  local losses = train(network, new_bank(), images, labels, batch)
  local list <close> = bench.peer("numerics", { folder = folder.path, network = options.network, batch = batch,
    lr = LEARNING_RATE, decay = DECAY })
  for _, peer in ipairs(list) do
    if not peer.answer.gradients or not peer.answer.curves then
      errors.fail("the peer %s reported neither gradients nor losses", peer.name)
    end
    bench.note(("\n%s"):format(text.paint("bold", peer.name)))
    gradient_table(bench, peer.answer)
    curve_table(bench, losses, peer.answer)
  end
end

return benchmark
