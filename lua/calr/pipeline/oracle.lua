--- @module calr.pipeline.oracle
--- Parts of the method done perfectly, by the true identities: how much each of them could give at most. For
--- experiments that explain results, never for results themselves. Reached as calr.pipeline.oracle.

local L = require "calr.labels"
local T = require "calr.tensor"

local Oracle = {}
Oracle.__index = Oracle

--- oracle:locals(found)
--- Perfect local clusters: the images of each identity in each camera. Images without an identity stay in the cluster
--- that was found for them.
--- @param found  function() -> i32[n]: finds local clusters; called only if the oracle has nothing to say of them
--- @return tensor  i32[n]
function Oracle:locals(found)
  if self.what ~= "locals" then return found() end
  return L.pair(self.identities, self.cameras)
end

--- oracle:clusters(labels)
--- Perfect global clusters: one for each identity.
--- @param labels  i32[n]: what was found
--- @return tensor  i32[n]: those of the oracle, or what was found
function Oracle:clusters(labels)
  if self.what ~= "clusters" then return labels end
  return L.canonical(self.identities, { min_size = 2 })
end

--- oracle:refined(labels, refined)
--- Perfect discards: of each global cluster the images of its commonest identity stay, and only those.
--- @param labels   i32[n]: the global clusters before refinement
--- @param refined  i32[n]: what the rule made of them
--- @return tensor  i32[n]: the oracle's, or what the rule made
function Oracle:refined(labels, refined)
  if self.what ~= "discards" then return refined end
  local owner = L.take(L.commonest(labels, self.identities), labels)
  return L.canonical(T.where(self.identities:ne(owner), -1, labels), { min_size = 2 })
end

require("calr.options").counted("oracle:", Oracle)

--- calr.pipeline.oracle.new(what, split)
--- See calr.pipeline.oracle.
--- @return oracle
local function new(what, split)
  local identities = split:identities()
  if what ~= "none" and identities:ge(0):sum():item() == 0 then
    error(("oracle=%s needs the true identities, and the training images have none"):format(what), 0)
  end
  return setmetatable({ what = what, identities = identities, cameras = split:cameras() }, Oracle)
end

return { new = new }
