--- @module calr.lab.retrieval.index
--- Which neighbours of queries are found, exactly or by an index. The one place that chooses the index.

local C = require "calr.cluster"
local rank = require "calr.rank"

local index = {}

local function exact(o)
  return { about = "exact", search = function(_, queries, k)
    local found = rank.topk { query = queries, gallery = o.features, k = math.min(k, o.features:size(1)) }
    return found.indices, found.distances
  end }
end

-- Rows of length 1 have the euclidean order of the cosine, so one metric serves raw rows too.
local function inverted_file(o)
  local made = C.ivf(o.features, { metric = "euclidean" })
  return { about = "approximate", search = function(self, queries, k)
    local found = made:search(queries, { k = math.min(k, o.features:size(1)), recall = o.recall })
    self.about = ("approximate, recall %.3f"):format(found.recall)
    return found.indices, found.distances
  end }
end

--- calr.lab.retrieval.index.open{features=, approximate=false, recall=0.98}
--- @param features     f32[n x d]
--- @param approximate  look at a part of the rows only
--- @param recall       number; the share of the true neighbours to find
--- @return table  search(self, queries, k) -> i32[q x k], f32[q x k]: rows from 0 and their euclidean distances,
---                nearest first; about = string, how it searches
function index.open(o)
  return (o.approximate and inverted_file or exact) { features = o.features, recall = o.recall or 0.98 }
end

return (require("calr.options").counted("calr.lab.retrieval.index.", index))
