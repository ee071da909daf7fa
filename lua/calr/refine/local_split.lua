--- @module calr.refine.local_split
--- Local-majority split: the images of a global cluster and a camera belong together when they are of one local
--- cluster. The local cluster that most of them have stays; the others leave, but are not thrown away: those of one
--- local cluster become a cluster of their own when they are at least `split_members`, and outliers otherwise.

local L = require "calr.labels"
local T = require "calr.tensor"
local option = require("calr.config").option

--- calr.refine.local_split.apply(context)
--- The rule: see calr.refine for the context.
--- @return tensor  labels
--- @return table   reasons
local function apply(context)
  local share = L.pair(context.global, context.cameras) -- of a global cluster, in one camera
  local part  = L.pair(context.global, context.locals)  -- of a global cluster, in one local cluster
  local major = L.take(L.commonest(share, context.locals), share)
  local minor = context.locals:ne(major) & context.locals:ge(0) & major:ge(0)
  local large = L.take(L.count(part), part):ge(context.options.split_members)
  local split = T.where(large, part + L.clusters(context.global), -1)
  return T.where(minor, split, context.global),
    { ["of a local cluster in the minority, too small to split off"] = minor & ~large }
end

return {
  options = {
    split_members = option(4, "images that turn a local cluster in the minority into a separate one", { 1 }),
  },
  apply = apply,
}
