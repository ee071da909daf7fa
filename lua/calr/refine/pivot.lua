--- @module calr.refine.pivot
--- Pivot refinement (CALR, arXiv 2403.16450): a member of a global cluster that is of the pivot's camera but not of the
--- pivot's local cluster is discarded, with the probability of the pace. Members of other cameras stay.

local L = require "calr.labels"
local T = require "calr.tensor"
local option = require("calr.config").option
local rng = require "calr.rng"
local paces = require "calr.refine.paces"

-- A variant gives, for every image, the row of the pivot it is measured against (-1: none).
local variants = {}

-- One pivot a cluster: the member with the highest score.
variants["max"] = function(c)
  return L.take(L.argmax(c.global, c.scores), c.global)
end

-- What the authors' code does: the last member, in index order, whose score exceeds the mean of all scores.
variants["last-above-mean"] = function(c)
  local mean = c.scores:mean():item()
  return L.take(L.last_above(c.global, c.scores, mean), c.global)
end

-- Images whose camera has enough members in their cluster, and the group of each image: its cluster and camera.
local function large_groups(c)
  local group = L.pair(c.global, c.cameras)
  return L.take(L.count(group), group):ge(c.options.camera_members), group
end

-- One pivot for each camera that has enough members in the cluster: its member with the highest score.
variants["camera-max"] = function(c)
  local enough, group = large_groups(c)
  return T.where(enough, L.take(L.argmax(group, c.scores), group), -1)
end

-- What the authors' commented-out code does: of these pivots, one for each camera, each overwrites the one before, so
-- that the last camera's speaks for the cluster.
variants["last-camera"] = function(c)
  local enough, group = large_groups(c)
  local place = T.where(enough, c.cameras + 1, 0):to "f32"
  local last  = L.argmax(c.global, place) -- of each cluster, an image of its last camera
  return L.take(L.take(L.argmax(group, c.scores), L.take(T.where(enough, group, -1), last)), c.global)
end

--- calr.refine.pivot.apply(context)
--- The rule: see calr.refine for the context.
--- @return table  labels, reasons, pivots
local function apply(context)
  local pivot = variants[context.options.pivot](context)
  local camera, own = L.take(context.cameras, pivot), L.take(context.locals, pivot) -- of each image's pivot
  local wrong = context.cameras:eq(camera) & context.locals:ne(own) & context.locals:ge(0) & own:ge(0)
  local chosen = rng.chance(context.global:numel(), context.pace(context.epoch, context.epochs),
    { seed = context.seed, epoch = context.epoch, purpose = "refine" })
  local discarded = wrong & chosen
  return { labels = T.where(discarded, -1, context.global), pivots = pivot,
    reasons = { ["of the pivot's camera, not of its local cluster"] = discarded } }
end

return {
  options = {
    pivot = option("max", "which member represents a cluster",
      { "max", "last-above-mean", "camera-max", "last-camera" }),
    camera_members = option(5, "members that make a camera's share of a cluster large enough (camera-max, last-camera)",
      { 1 }),
    pace = option("always", "how likely wrong members are discarded, by epoch", paces.choices,
      { declares = paces.declared }),
  },
  apply = apply,
}
