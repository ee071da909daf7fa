--- @module calr.refine.merge
--- Mutual pivots: each global cluster is spoken for by its image with the highest node score. Two clusters whose pivots
--- are each the other's nearest pivot, with a cosine similarity of at least `merge_similarity`, become one.
--- Nothing is discarded: this raises recall where cameras split a person, and costs precision where it is wrong.

local C = require "calr.cluster"
local L = require "calr.labels"
local option = require("calr.config").option

--- calr.refine.merge.apply(context)
--- The rule: see calr.refine for the context.
--- @return tensor  labels
local function apply(context)
  local global, clusters = L.canonical(context.global)
  if clusters < 2 then return global end
  local pivots = context.features:index_select(1, L.argmax(global, context.scores))
  local merged = C.components(pivots, -- two neighbours: a pivot itself and the nearest other
    { k = 2, mutual = true, min_similarity = context.options.merge_similarity })
  return L.take(merged, global)
end

return {
  options = {
    merge_similarity = option(0.7, "least cosine similarity of the pivots of two clusters that become one", { 0, 1 }),
  },
  apply = apply,
}
