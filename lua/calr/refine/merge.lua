--- @module calr.refine.merge
--- Mutual pivots: each global cluster is spoken for by its image with the highest node score. Two clusters whose pivots
--- are each the other's nearest pivot, with a cosine similarity of at least `merge_similarity` (0.7), become one.
--- Nothing is discarded: this raises recall where cameras split a person, and costs precision where it is wrong.

local C = require "calr.cluster"
local L = require "calr.labels"

return function(context)
  local global, clusters = L.canonical(context.global)
  if clusters < 2 then return global end
  local pivots = context.features:rows(L.argmax(global, context.scores))
  local merged = C.components(pivots, -- two neighbours: a pivot itself and the nearest other
    { k = 2, mutual = true, min_similarity = context.options.merge_similarity or 0.7 })
  return L.take(merged, global)
end
