-- A rule that gives soft pseudo-labels: how much of each image belongs to each cluster, by the softmax of its
-- similarities to their centroids, mixed with the label itself (as MMT's soft classes, Ge et al., ICLR 2020).
local calr = require "calr"
local option = calr.config.option

local function apply(context)
  local o, labels = context.options, context.global
  local clusters  = calr.labels.clusters(labels)
  if clusters == 0 then return labels end
  local centroids = calr.bank.centroids(context.features, labels)
  local soft = context.features:matmul(centroids, { transpose_b = true, scale = 1 / o.soft_temperature }):softmax()
  local hard = calr.one_hot(labels:clamp { min = 0 }:to "i64", clusters):to "f32"
  return { labels = labels, weights = soft * o.soft_share + hard * (1 - o.soft_share) }
end

return {
  options = {
    soft_share = option(0.5, "part of a target that is soft", { 0, 1 }),
    soft_temperature = option(0.05, "divides the similarities to the centroids", { 1e-6 }),
  },
  apply = apply,
}
