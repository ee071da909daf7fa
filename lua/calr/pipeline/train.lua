--- @module calr.pipeline.train
--- One epoch of contrastive training, the same in both stages: a function of one table.

local L = require "calr.labels"
local autograd = require "calr.autograd"
local ops = require "calr.ops"
local progress = require "calr.progress"
local batches = require "calr.batches"

-- Camera alignment: features -> gradient reversal -> head -> cross-entropy with the camera.
local function alignment_loss(features, cameras, alignment)
  local logits = alignment.head(ops.reverse_gradient(features, alignment.alpha))
  if alignment.double_softmax then
    -- log-softmax, then softmax, then a cross-entropy that applies log-softmax once more
    logits = ops.softmax(ops.log_softmax(logits))
  end
  return ops.cross_entropy(logits, cameras)
end

-- "intra." in stage 1, where the learning rate and the temperature are options of their own.
local function diverged(o, what, value, place)
  error(("the %s became %s in %sepoch %d of %s: lower the learning rate (%slr=%g) or raise the temperature "
    .. "(%stemperature=%g); the last checkpoint is untouched"):format(what,
    value ~= value and "NaN" or value == math.huge and "infinite" or ("%g"):format(value), place, o.epoch, o.label,
    o.group, o.optimizer.lr, o.group, o.memory.temperature or o.cfg.temperature), 0)
end

local function finite(value, what, o, iteration)
  if value ~= value or value == math.huge or value == -math.huge then
    diverged(o, what, value, ("batch %d of "):format(iteration))
  end
  return value
end

-- The last step of an epoch has no loss after it that would tell. Beyond 1e15 the next squares leave the range of f32.
local function check_weights(o, state)
  local names = {}
  for name in pairs(state) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local norm = state[name]:norm()
    if not (norm < 1e15) then diverged(o, ("norm of \"%s\""):format(name), norm, "") end
  end
end

-- o: net, optimizer, split, cameras, labels, memory, cfg, seed, epoch, label (for the progress line), group (prefix of
-- the names of options in messages), clusters, instances, iterations, alignment = {head, alpha, weight, double_softmax}
-- or nil.
-- Returns the mean losses, or nil when no cluster has two images.
return function(o)
  local cfg = o.cfg
  local order, batch = batches.cross_camera {
    labels = o.labels, cameras = o.cameras, clusters = o.clusters, instances = o.instances,
    iterations = o.iterations, singles = cfg.singles, seed = o.seed, epoch = o.epoch,
  }
  if batch == 0 then return nil end
  local total, aligned, iteration = 0, 0, 0
  local bar <close> = progress.new(("%s, epoch %d"):format(o.label, o.epoch), order:numel() // batch)
  o.net:train(true)
  for images, index in o.split:batches { order = order, batch = batch, height = cfg.height, width = cfg.width,
                                         augment = cfg.augment, seed = o.seed, epoch = o.epoch,
                                         workers = cfg.workers } do
    iteration = iteration + 1
    local labels = L.take(o.labels, index)
    local features = o.net(images)
    local loss = o.memory:loss(features, { labels = labels })
    total = total + finite(loss:get(), "loss", o, iteration)
    if o.alignment then
      local camera_loss = alignment_loss(features, L.take(o.cameras, index), o.alignment)
      aligned = aligned + finite(camera_loss:get(), "alignment loss", o, iteration)
      loss = loss + camera_loss * o.alignment.weight
    end
    o.optimizer:zero_grad()
    autograd.backward(loss)
    o.optimizer:step()
    o.memory:update(features, { labels = labels })
    bar:update(iteration, ("loss %.3f"):format(total / iteration))
  end
  check_weights(o, o.net:state())
  if o.alignment then check_weights(o, o.alignment.head:state()) end
  return total / iteration, o.alignment and aligned / iteration or nil
end
