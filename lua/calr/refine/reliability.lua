--- @module calr.refine.reliability
--- Which images a clustering can be trusted with, by two others of the same images, a tighter one and a looser one: the
--- criterion of SpCL (Ge et al., NeurIPS 2020, section 3.3). Reached as calr.refine.reliability.

local L = require "calr.labels"
local check_options = require("calr.options").check
local T = require "calr.tensor"

-- Outliers become clusters of one image; the numbers have no gaps.
local function alone(labels)
  local outliers = labels:lt(0)
  return (L.canonical(T.where(outliers, L.clusters(labels) - 1 + outliers:cumsum(1):to "i32", labels)))
end

-- Of each image, how many images its cluster has.
local function sizes(labels)
  return L.take(L.count(labels), labels):to "f32"
end

-- 1 - |A and B| / |A or B| for each image, A and B being its clusters in two clusterings without outliers.
local function disagreement(labels, others)
  local both = sizes(L.pair(labels, others))
  return 1 - both / (sizes(labels) + sizes(others) - both)
end

-- The smallest value in each cluster.
local function smallest(labels, values)
  return values:index_select(1, L.argmax(labels, -values))
end

-- The independence that the given share of the clusters of several images does not exceed. NumPy's round takes halves
-- to even, and so does the authors' code.
local function limit_of(labels, independence, share)
  local sorted = independence:masked_select(L.count(labels):gt(1)):sort()
  if #sorted == 0 then return 0 end
  local place = math.tointeger(T { #sorted * share }:round():item())
  return sorted:get(math.min(#sorted, place + 1))
end

--- calr.refine.reliability.reliability(labels, tight, loose, options)
--- Behind calr.refine.reliability, where it is described.
local function reliability(labels, tight, loose, options)
  local o = check_options("calr.refine.reliability", options, { "limit", "share" })
  local own = alone(labels)
  local compact = disagreement(own, alone(tight))
  local independence = smallest(own, disagreement(own, alone(loose)))
  local limit = o.limit or limit_of(own, independence, o.share or 0.9)
  local independent = independence:index_select(1, own):le(limit)
  local in_core = compact:le(smallest(own, compact):index_select(1, own))
  local stays = independent & in_core & labels:ge(0)
  return stays, limit
end

return { reliability = reliability }
