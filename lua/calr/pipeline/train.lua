--- @module calr.pipeline.train
--- One epoch of contrastive training, the same in both stages: a function of one table. Scripts reach it as step:train,
--- where its hooks are described.

local sorted_keys = require "calr.tables".sorted_keys
local T = require "calr.tensor"
local autograd = require "calr.autograd"
local batches = require "calr.batches"
local memory_batch = require "calr.memory.batch"
local is_library = require("calr.options").is_library
local plain = require("calr.traceback").plain
local progress = require "calr.progress"

-- Camera alignment: features -> gradient reversal -> head -> cross-entropy with the camera.
local function alignment_loss(alignment)
  local function compute(batch)
    local logits = alignment.head(batch.features:reverse_gradient(alignment.alpha))
    if alignment.double_softmax then
      -- log-softmax, then softmax, then a cross-entropy that applies log-softmax once more
      logits = logits:log_softmax():softmax()
    end
    return logits:cross_entropy(batch.cameras)
  end
  return { name = "alignment", label = "alignment loss", compute = compute, weight = alignment.weight }
end

-- What is added to the memory's loss, in this order: the alignment, the functions of `losses` by number, then by name.
local function further_losses(o)
  local list, names = {}, {}
  if o.alignment then list[1] = alignment_loss(o.alignment) end
  for i, compute in ipairs(o.losses or {}) do
    list[#list + 1] = { label = ("loss of losses[%d]"):format(i), compute = compute }
  end
  for name in pairs(o.losses or {}) do
    if type(name) == "string" then names[#names + 1] = name end
  end
  table.sort(names)
  for _, name in ipairs(names) do
    list[#list + 1] = { name = name, label = ("loss \"%s\""):format(name), compute = o.losses[name] }
  end
  for _, further in ipairs(list) do further.total, further.count = 0, 0 end
  return list
end

-- "intra." in stage 1, where the learning rate and the temperature are options of their own.
-- origin: where it came from, in words, or nothing.
local function diverged(o, what, value, place, origin)
  error(("the %s became %s in %sepoch %d of %s: lower the learning rate (%slr=%g) or raise the temperature "
    .. "(%stemperature=%g); the last checkpoint is untouched%s"):format(what,
    value ~= value and "NaN" or value == math.huge and "infinite" or ("%g"):format(value), place, o.epoch, o.label,
    o.group, o.optimizer.lr, o.group, o.memory.temperature or o.cfg.temperature, origin or ""), 0)
end

-- The line of the script that was running, and the message, when an operation made what is not finite.
local function origin_of(problem)
  local message = plain(problem)
  if message:find "^[^\n]-%.lua:%d+: " then return message end
  for level = 2, 60 do
    local info = debug.getinfo(level, "Sl")
    if not info then break end
    if info.what ~= "C" and info.currentline > 0 and not is_library(info.source) then
      return ("%s:%d: %s"):format(info.source:match "^[@=](.*)" or info.short_src, info.currentline, message)
    end
  end
  return message
end

-- Why a loss is not finite: the features were, or an operation on the way, which a second pass over the batch finds.
local function reason(batch, compute)
  if not batch.features:is_finite() then
    return ". The features of the network are not finite themselves"
  end
  local ok, origin = xpcall(autograd.detect_anomaly, origin_of, compute)
  if ok then return "" end
  return (". It began at %s"):format(tostring(origin))
end

-- The value of a loss that a memory or a function of the script's has given.
local function value_of(loss, what, o, iteration, batch, compute)
  if not T.is(loss) or loss:numel() ~= 1 then
    error(("the %s must be a tensor of a single number, not %s"):format(what, tostring(loss)), 0)
  end
  local value = loss:item()
  if value ~= value or value == math.huge or value == -math.huge then
    diverged(o, what, value, ("batch %d of "):format(iteration), reason(batch, compute))
  end
  return value
end

-- The last step of an epoch has no loss after it that would tell. Beyond 1e15 the next squares leave the range of f32.
local function check_weights(o, state)
  local names = sorted_keys(state)
  for _, name in ipairs(names) do
    local norm = state[name]:norm():item()
    if not (norm < 1e15) then diverged(o, ("norm of \"%s\""):format(name), norm, "") end
  end
end

-- Rows of a tensor over all images, or what a function of the batch gives.
local function of_batch(values, batch)
  if type(values) == "function" then return values(batch) end
  return values and values:detach():index_select(1, batch.rows)
end

local function new_batch(o, images, rows, views)
  local cameras = o.cameras:index_select(1, rows)
  local batch = memory_batch.new {
    rows = rows, labels = o.labels and o.labels:index_select(1, rows) or rows:to "i32", cameras = cameras,
    images = images, views = views,
    keys = o.teacher and o.teacher(views, { rows = rows, cameras = cameras, images = views }),
  }
  batch.weights = of_batch(o.weights, batch)
  batch.targets = of_batch(o.targets, batch)
  return batch
end

-- The gradient of all losses of a batch; adds their values to the sums. Returns the memory's.
local function backward(o, batch, further, iteration)
  local function compute() return (o.memory:loss(batch.features, batch)) end
  local loss = compute()
  local value = value_of(loss, "loss", o, iteration, batch, compute)
  for _, extra in ipairs(further) do
    local added = extra.compute(batch)
    if added then -- a function may have nothing to say of this batch
      local number = value_of(added, extra.label, o, iteration, batch, function() return (extra.compute(batch)) end)
      extra.total, extra.count = extra.total + number, extra.count + 1
      loss = loss + (extra.weight and added * extra.weight or added)
    end
  end
  o.optimizer:zero_grad()
  autograd.backward(loss)
  if (o.cfg.max_norm or 0) > 0 then autograd.clip_grad_norm_(o.parameters, o.cfg.max_norm) end
  return value
end

-- The order of the images and how many make a batch.
local function draw(o)
  if not o.labels and not o.batches then
    return batches.shuffled { count = o.split:count(), batch = o.clusters * o.instances, iterations = o.iterations,
      seed = o.seed, epoch = o.epoch }
  end
  local order, size = (o.batches or batches.cross_camera) {
    labels = o.labels, cameras = o.cameras, clusters = o.clusters, instances = o.instances,
    iterations = o.iterations, singles = o.singles or o.cfg.singles, seed = o.seed, epoch = o.epoch,
  }
  if o.batches and not (T.is(order) and order:dim() == 1 and math.type(size) == "integer" and size >= 0) then
    error(("batches must return the rows of all batches, i64[m], and how many make one, not %s and %s"):format(
      tostring(order), tostring(size)), 0)
  end
  return order, size
end

local function check_all_weights(o)
  check_weights(o, o.net:state())
  if o.alignment then check_weights(o, o.alignment.head:state()) end
  for _, layer in pairs(o.layers or {}) do check_weights(o, layer:state()) end
end

-- o: net, optimizer, parameters (those that it steps over), split, cameras, memory, cfg, seed, epoch, label (for the
-- progress line), group (prefix of the names of options in messages), clusters, instances, iterations; and, or nil:
-- labels (nil: each image is a class of its own, and all are drawn at random), alignment = {head, alpha, weight,
-- double_softmax}, layers (trained beside the network), and what step:train may be told: weights (f32[n], or a function
-- of a batch), targets (f32[n x classes], or such a function), views (true), teacher, losses, each, batches, singles.
-- Returns the mean loss and the mean of each further loss by its name, over the batches that had it; or nil when no
-- cluster has two images.
return function(o)
  local order, size = draw(o)
  if size == 0 then return nil end
  local cfg, total, iteration, further = o.cfg, 0, 0, further_losses(o)
  local iterations = (order:numel() + size - 1) // size
  local bar <close> = progress.new(("%s, epoch %d"):format(o.label, o.epoch), iterations)
  o.net:train(true)
  for images, rows, views in o.split:batches { order = order, batch = size, height = cfg.height, width = cfg.width,
                                               augment = cfg.augment, seed = o.seed, epoch = o.epoch,
                                               workers = cfg.workers, views = o.views and 2 or 1 } do
    iteration = iteration + 1
    if o.each then o.each(iteration, iterations) end
    local batch = new_batch(o, images, rows, views)
    batch.features = o.net:forward(images, batch)
    total = total + backward(o, batch, further, iteration)
    o.optimizer:step()
    o.memory:update(batch.features, batch)
    if o.teacher then o.teacher:follow(o.net) end
    bar:update(iteration, ("loss %.3f"):format(total / iteration))
  end
  check_all_weights(o)
  local means = {}
  for _, extra in ipairs(further) do
    if extra.name and extra.count > 0 then means[extra.name] = extra.total / extra.count end
  end
  return total / iteration, means
end
