--- @module calr.refine.pivot
--- Pivot refinement (CALR, arXiv 2403.16450): a member of a global cluster that is of the pivot's camera but not of the
--- pivot's local cluster is discarded, with the probability of the pace. Members of other cameras stay.

local L = require "calr.labels"

-- A variant gives, for every image, the row of the pivot it is measured against (-1: none).
local variants = {}

-- One pivot a cluster: the member with the highest score.
variants["max"] = function(c)
  return L.take(L.argmax(c.global, c.scores), c.global)
end

-- What the authors' code does: the last member, in index order, whose score exceeds the mean of all scores.
variants["last-above-mean"] = function(c)
  local mean = require("calr.ops").mean(c.scores):get()
  return L.take(L.last_above(c.global, c.scores, mean), c.global)
end

-- One pivot for each camera that has enough members in the cluster: its member with the highest score.
variants["camera-max"] = function(c)
  local group = L.pair(c.global, c.cameras)
  local enough = L.at_least(L.take(L.count(group), group), c.options.camera_members or 4)
  return L.where(enough, L.take(L.argmax(group, c.scores), group), -1)
end

return function(context)
  local variant = context.options.pivot or "max"
  local pivot_of = variants[variant]
    or error(("there is no pivot \"%s\"; there are: max, last-above-mean, camera-max"):format(tostring(variant)), 0)
  local pivot = pivot_of(context)
  local wrong = L.both(
    L.equal(context.cameras, L.take(context.cameras, pivot)),
    L.differ(context.locals, L.take(context.locals, pivot)))
  local chosen = L.chance(context.global:numel(), context.pace(context.epoch, context.epochs),
    { seed = context.seed, epoch = context.epoch, purpose = "refine" })
  local discarded = L.both(wrong, chosen)
  return L.where(discarded, -1, context.global),
    { ["of the pivot's camera, not of its local cluster"] = discarded }
end
