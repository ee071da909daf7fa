--- @module calr.pipeline.guards
--- What is wrong with an epoch's clusters, and which option is at fault: errors where nothing can be learned, warnings
--- where little can. Behind step:train.

local L = require "calr.labels"

local guards = {}

-- What connects too little, or too much, by the options that a script has: those of Infomap's graph, or of DBSCAN.
local function looser(cfg)
  local o = cfg.infomap
  if o then
    return ("lower infomap.min_similarity (now %g) or infomap.min_size (%d), or raise infomap.k (%d)"):format(
      o.min_similarity, o.min_size, o.k)
  end
  o = cfg.dbscan
  if o then return ("raise dbscan.eps (now %g) or lower dbscan.min_samples (%d)"):format(o.eps, o.min_samples) end
  return "let the clustering connect more"
end

local function tighter(cfg)
  local o = cfg.infomap
  if o then
    return ("raise infomap.min_similarity (now %g), or lower infomap.k (%d)"):format(o.min_similarity, o.k)
  end
  o = cfg.dbscan
  if o then
    local k1 = (cfg.jaccard or {}).k1
    return ("lower dbscan.eps (now %g)"):format(o.eps) .. (k1 and (" or jaccard.k1 (%d)"):format(k1) or "")
  end
  return "let the clustering connect less"
end

local function discarded_by_rule(record)
  local total = 0
  for _, images in pairs(record.discarded or {}) do total = total + images end
  return total
end

-- What to change, by what became of the images.
local function advice(step, outliers)
  local count, discarded = step.split:count(), discarded_by_rule(step.record)
  if 2 * discarded > outliers then
    return ("the refinement rule discarded %d images: change its options, or take another rule (refine=%s now)")
      :format(discarded, tostring(step.cfg.refine))
  end
  if outliers > count // 2 then return "most images have no neighbours: " .. looser(step.cfg) end
  return "the images are all alike: " .. tighter(step.cfg)
end

-- Says a warning once in a run.
local function warn(step, name, ...)
  if step.noted[name] then return end
  step.noted[name] = true
  step.run:log("warning: epoch %d: %s (said once)", step.epoch, (...):format(select(2, ...)))
end

--- calr.pipeline.guards.check(step, labels)
--- Puts the numbers of clusters and outliers into the step's record. Fewer than two clusters are an error; hardly any
--- clustered images, or fewer clusters than a batch holds, are warnings.
--- @param labels  i32[n]
function guards.check(step, labels)
  local clusters, outliers, count = L.clusters(labels), labels:lt(0):sum():item(), step.split:count()
  step:report { clusters = clusters, outliers = outliers }
  if clusters < 2 then
    error(("epoch %d: %s to learn from (%d of %d images are outliers); %s"):format(step.epoch,
      clusters == 0 and "no cluster" or "one cluster only", outliers, count, advice(step, outliers)), 0)
  end
  if outliers > 0.9 * count then
    warn(step, "outliers", "only %d of %d images are in a cluster: %s", count - outliers, count,
      advice(step, outliers))
  end
  if clusters < step.cfg.clusters then
    warn(step, "clusters", "there are %d clusters, and a batch should hold %d: batches are smaller. Lower the "
      .. "option clusters, or %s", clusters, step.cfg.clusters,
      outliers > count // 2 and looser(step.cfg) or tighter(step.cfg))
  end
end

--- calr.pipeline.guards.no_pairs(step)
--- The error of an epoch in which no cluster has two images.
function guards.no_pairs(step)
  error(("epoch %d: none of the %d clusters has two images to draw: %s"):format(step.epoch,
    step.record.clusters or 0, looser(step.cfg)), 0)
end

return guards
