--- @module calr.lab.bench.frame.step
--- A training step on made-up images, as measured by the benchmarks: forward, the loss of a cluster memory, backward,
--- Adam, the memory's update.

local T = require "calr.tensor"
local autograd = require "calr.autograd"
local config = require "calr.config"
local memory = require "calr.memory"
local meter = require "calr.meter"
local models = require "calr.models"
local keeping = require "calr.nn.keeping"
local optim = require "calr.optim"
local rng = require "calr.rng"

local step = {}

--- calr.lab.bench.frame.step.options([more])
--- Returns the options that set the work: network, batch, height, width, precision.
--- @param more  further options, or other defaults
--- @return table  for a benchmark's `options`
function step.options(more)
  local names = { "resnet50", open = "the path of a file of your own" }
  for _, name in ipairs(models.names()) do
    if name ~= "resnet50" then names[#names + 1] = name end
  end
  local options = {
    network = config.option("resnet50", "the network", names),
    batch = config.option(32, "images per batch"),
    height = config.option(256, "of the images"),
    width = config.option(128, "of the images"),
    precision = config.choice({ "f32", "bf16" },
      "of feature maps; the folded form uses bf16 if the processor supports it"),
  }
  for name, value in pairs(more or {}) do options[name] = value end
  return options
end

--- calr.lab.bench.frame.step.images(options)
--- @return tensor  f32[batch x height x width x 3], normal numbers
function step.images(options)
  return rng.open { seed = 1, purpose = "images" }:fill_normal(T.zeros { options.batch, options.height, options.width,
    3 })
end

--- calr.lab.bench.frame.step.network(options)
--- @param options  network, precision; checkpoint: keep only the inputs of its blocks for the backward pass
--- @return layer
function step.network(options)
  return models.make(options.network, { seed = 1, precision = options.precision == "bf16" and "bf16" or nil,
    checkpoint = options.checkpoint or nil })
end

--- calr.lab.bench.frame.step.make(options)
--- Makes a network and everything that trains it.
--- @param options  network, batch, height, width, precision, clusters (of the memory; default 1000)
--- @return function  does one step
--- @return layer     the network
--- @return table     the parts of a step in order: {{name=, run=function}}
function step.make(options)
  local network = step.network(options)
  local clusters = options.clusters or 1000
  local random, images = rng.open { seed = 1, purpose = "bench" }, step.images(options)
  local features = T.l2_normalize(random:fill_normal(T.zeros { clusters, network.dim }))
  local batch_labels = {}
  for i = 1, options.batch do batch_labels[i] = random:integer(0, clusters - 1) end
  local bank = memory.cluster { features = features, labels = T.arange(clusters, "i32") }
  local batch, optimizer = { labels = T(batch_labels, "i32") }, optim.adam(network:parameters(), { lr = 3.5e-4,
    weight_decay = 5e-4 })
  network:train(true)
  local output, loss
  local parts = {
    { name = "forward", run = function()
      output = network(images)
      loss = bank:loss(output, batch)
    end },
    { name = "backward", run = function()
      optimizer:zero_grad()
      autograd.backward(loss)
    end },
    { name = "update", run = function()
      optimizer:step()
      bank:update(output, batch)
      output, loss = nil, nil
    end },
  }
  return function()
    for _, part in ipairs(parts) do part.run() end
  end, network, parts
end

--- calr.lab.bench.frame.step.label(network)
--- Makes calr.meter record the kernels of each layer under its own number.
--- @return table  number -> {name=, layer=}, in the order of the network; 0 is everything outside layers
function step.label(network)
  local labels = { [0] = { name = "(loss, update)" } }
  local function visit(layer, name)
    local number = #labels + 1
    labels[number] = { name = name, layer = layer, leaf = #layer.children == 0 }
    local forward = layer.forward
    layer.lets_go = not keeping.finds(nil, layer) -- the function below keeps nothing either
    layer.stands_for = forward
    local before
    local restore = setmetatable({}, { __close = function() meter.label(before) end })
    local function labelled(fn)
      return function(...)
        before = meter.label(number)
        local _ <close> = restore
        return fn(...)
      end
    end
    layer.forward = labelled(forward)
    if layer.after_norm then layer.after_norm = labelled(layer.after_norm) end
    local prefix = name == "" and "" or name .. "."
    for _, child in ipairs(layer.children) do visit(child.layer, prefix .. child.name) end
  end
  visit(network, "")
  labels[1].name = "(network)"
  return labels
end

--- calr.lab.bench.frame.step.text(options)
--- @return string  "resnet50 256x128, batch 32"
function step.text(options)
  return ("%s %dx%d, batch %d%s"):format(options.network, options.height, options.width, options.batch,
    (options.precision == "bf16" and ", bf16" or "") .. (options.checkpoint and ", checkpointed" or ""))
end

--- calr.lab.bench.frame.step.total(events, field [, pattern])
--- @param pattern  only events whose kernel matches
--- @return number  the sum of a field over the events of calr.meter.count
function step.total(events, field, pattern)
  local sum = 0
  for _, event in ipairs(events) do
    if not pattern or event.kernel:match(pattern) then sum = sum + event[field] end
  end
  return sum
end

return step
