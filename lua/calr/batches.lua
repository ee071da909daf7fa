-- Chooses the images of an epoch's batches.
local Rng = require "calr.rng"
local arguments = require "calr.options"
local check_options = arguments.check
local T = require "calr.tensor"

--- @module calr.batches
--- Samplers: the order in which images are drawn, from labels.

local batches = {}

-- members[k]: 1-based list of the rows (0-based) of cluster k; without outliers.
local function group(labels)
  local members = {}
  for i, label in ipairs(labels:totable()) do
    if label >= 0 then
      local list = members[label + 1]
      if not list then
        list = {}
        members[label + 1] = list
      end
      list[#list + 1] = i - 1
    end
  end
  return members
end

-- `count` of the list: without replacement when `distinct`, otherwise independent draws.
local function draw(rng, list, count, distinct, out)
  if not distinct then
    for _ = 1, count do out[#out + 1] = list[rng:integer(1, #list)] end
    return
  end
  local copy = table.move(list, 1, #list, 1, {})
  for i = 1, count do
    local j = rng:integer(i, #copy)
    copy[i], copy[j] = copy[j], copy[i]
    out[#out + 1] = copy[i]
  end
end

-- One cluster's share of a batch: one image at random, then images of other cameras; if the cluster has only one
-- camera, other images of it.
local function draw_cluster(rng, list, cameras, instances, out)
  if list.gathered then
    table.move(list, 1, #list, #out + 1, out)
    return
  end
  local first = list[rng:integer(1, #list)]
  local elsewhere, others = {}, {}
  for _, row in ipairs(list) do
    if cameras[row + 1] ~= cameras[first + 1] then elsewhere[#elsewhere + 1] = row end
    if row ~= first then others[#others + 1] = row end
  end
  out[#out + 1] = first
  if #others == 0 then return end
  local pool = #elsewhere > 0 and elsewhere or others
  draw(rng, pool, instances - 1, #pool >= instances, out)
end

-- Clusters that can be drawn, ordered by their first rows, since pairs has no order.
local function usable_clusters(labels, least)
  local usable, largest = {}, 0
  for _, list in pairs(group(labels)) do
    if #list >= least then usable[#usable + 1] = list end
    largest = math.max(largest, #list)
  end
  table.sort(usable, function(a, b) return a[1] < b[1] end)
  return largest > 1 and usable or {}
end

-- Rows of `count` clusters for each of `iterations` batches. No batch holds a cluster twice.
local function draw_batches(rng, usable, cameras, o)
  local rows, queue = {}, {}
  for _ = 1, o.iterations do
    local in_batch = {}
    for _ = 1, o.count do
      if #queue == 0 then queue = rng:shuffle(table.move(usable, 1, #usable, 1, {})) end
      -- A batch that reaches into the next round must not hold a cluster twice.
      local at = #queue
      while in_batch[queue[at]] do at = at - 1 end
      local cluster = table.remove(queue, at)
      in_batch[cluster] = true
      draw_cluster(rng, cluster, cameras, o.instances, rows)
    end
  end
  return rows
end

-- One group after the other, cut into batches by their number of rows alone: a cluster of one image gives one row, and
-- shifts every later group.
local function draw_shifted(rng, usable, cameras, o)
  local rows, wanted = {}, o.iterations * o.count * o.instances
  while #rows < wanted do
    for _, cluster in ipairs(rng:shuffle(table.move(usable, 1, #usable, 1, {}))) do
      draw_cluster(rng, cluster, cameras, o.instances, rows)
    end
  end
  return table.move(rows, 1, wanted, 1, {})
end

-- Clusters of one image, `instances` of them at a time, in random order: each such group replaces a cluster. The last
-- group is filled up with the first images.
local function gather(rng, labels, instances)
  local singles, groups = {}, {}
  for _, list in pairs(group(labels)) do
    if #list == 1 then singles[#singles + 1] = list[1] end
  end
  table.sort(singles)
  rng:shuffle(singles)
  for first = 1, #singles, instances do
    local rows = { gathered = true }
    for i = 0, instances - 1 do rows[i + 1] = singles[(first + i - 1) % #singles + 1] end
    groups[#groups + 1] = rows
  end
  return groups
end

--- calr.batches.cross_camera{labels=, cameras=, clusters=16, instances=4, iterations=, singles="skip", seed=0, epoch=0}
--- Draws batches of P clusters x K images, each cluster's images from cameras other than that of its first. Clusters
--- are drawn in random order, all of them before any is repeated; a cluster of one image is skipped. If fewer than P
--- clusters can be drawn, each batch holds them all.
--- @param labels      i32[n], -1 for outliers
--- @param cameras     i32[n]
--- @param clusters    P
--- @param instances   K, at least 2
--- @param singles     "skip" clusters of one image; "gather" them, K different ones in place of a cluster, for
---                    outliers that are classes of their own; or "shift": draw them too, one row each, so that later
---                    groups are cut across batches (a slip in the authors' code, kept for comparisons)
--- @param iterations  number of batches; default: enough to draw every cluster once
--- @return tensor   i64[iterations * batch]: rows in the order of drawing, batch after batch
--- @return integer  images in a batch (P * K, or less if there are fewer clusters); 0 if no cluster has two images, so
---                  that there is nothing to draw
function batches.cross_camera(options)
  check_options("calr.batches.cross_camera", options,
    { "labels", "cameras", "clusters", "instances", "iterations", "singles", "seed", "epoch" })
  for name, least in pairs { clusters = 1, instances = 2, iterations = 1 } do
    local value = options[name]
    if value and not (math.type(value) == "integer" and value >= least) then
      error(("%s must be a whole number of at least %d, not %s"):format(name, least, tostring(value)), 2)
    end
  end
  local singles = options.singles or "skip"
  if singles ~= "skip" and singles ~= "gather" and singles ~= "shift" then
    error(("singles must be \"skip\", \"gather\" or \"shift\", not %s"):format(tostring(singles)), 2)
  end
  local instances = options.instances or 4
  local rng = Rng.open { seed = options.seed or 0, purpose = "sampler", epoch = options.epoch or 0 }
  local usable = usable_clusters(options.labels, singles == "shift" and 1 or 2)
  for _, rows in ipairs(singles == "gather" and gather(rng, options.labels, instances) or {}) do
    usable[#usable + 1] = rows
  end
  if #usable == 0 then return T({}, "i64"), 0 end
  local count = math.min(options.clusters or 16, #usable)
  local draw_all = singles == "shift" and draw_shifted or draw_batches
  local rows = draw_all(rng, usable, options.cameras:totable(), { count = count, instances = instances,
    iterations = options.iterations or (#usable + count - 1) // count })
  return T(rows, "i64"), count * instances
end

--- calr.batches.shuffled{count=, batch=, iterations=, seed=0, epoch=0}
--- Returns all rows in random order: once, or repeatedly in new orders to fill the batches.
--- @param batch       images in a batch; at most `count`
--- @param iterations  batches; default: no batches, all rows once
--- @return tensor   i64[count], or i64[iterations * batch]
--- @return integer  images in a batch; `count` if all rows come once
function batches.shuffled(options)
  check_options("calr.batches.shuffled", options, { "count", "batch", "iterations", "seed", "epoch" })
  local count = options.count
  local batch = math.min(options.batch or count, count)
  local wanted = options.iterations and options.iterations * batch or count
  local rows, order = {}, {}
  for i = 1, count do rows[i] = i - 1 end
  local rng = Rng.open { seed = options.seed or 0, purpose = "shuffle", epoch = options.epoch or 0 }
  while #order < wanted do
    rng:shuffle(rows)
    table.move(rows, 1, math.min(count, wanted - #order), #order + 1, order)
  end
  return T(order, "i64"), batch
end

return (arguments.counted("calr.batches.", batches))
