--- @module calr.refine.local_split
--- Local-majority split: the images of a global cluster and a camera belong together when they are of one local
--- cluster. The local cluster that most of them have stays; the others leave, but are not thrown away: those of one
--- local cluster become a cluster of their own when they are at least `split_members`, and outliers otherwise.

local L = require "calr.labels"
local option = require("calr.config").option

--- calr.refine.local_split.apply(context)
--- The rule: see calr.refine for the context.
--- @return tensor  labels
--- @return table   reasons
local function apply(context)
  local share = L.pair(context.global, context.cameras) -- of a global cluster, in one camera
  local part  = L.pair(context.global, context.locals)  -- of a global cluster, in one local cluster
  local minor = L.differ(context.locals, L.take(L.commonest(share, context.locals), share))
  local large = L.at_least(L.take(L.count(part), part), context.options.split_members)
  local split = L.where(large, L.shift(part, L.clusters(context.global)), -1)
  return L.where(minor, split, context.global),
    { ["of a local cluster in the minority, too small to split off"] = L.both(minor, L.invert(large)) }
end

return {
  options = {
    split_members = option(4, "images that turn a local cluster in the minority into a separate one", { 1 }),
  },
  apply = apply,
}
