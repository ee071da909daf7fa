--- @module calr.lab.bench.cluster
--- calr bench cluster: measures clustering, memories and ranking against the programs that this field uses for them.
--- `--only` names the parts to run: neighbours, lists, jaccard, rerank, infomap, agglomerative, hdbscan, kmeans,
--- leiden, silhouette, ranking, memories; and curve, Jaccard distances over the number of images, which runs only when
--- named.

local config = require "calr.config"
local errors = require "calr.errors"
local suggest = require "calr.options".suggest

-- In table order: the module of each part; asked: run only when named.
local parts = {
  { "neighbours", "neighbours" }, { "lists", "neighbours" }, { "jaccard", "neighbours" }, { "rerank", "neighbours" },
  { "curve", "neighbours", asked = true },
  { "infomap", "graphs" }, { "leiden", "graphs" }, { "agglomerative", "partitions" }, { "hdbscan", "partitions" },
  { "kmeans", "partitions" }, { "silhouette", "partitions" }, { "ranking", "ranking" }, { "memories", "memories" },
}

local names = {}
for i, part in ipairs(parts) do names[i] = part[1] end

local benchmark = {
  summary = "clustering, memories, ranking; peers faiss, Infomap, scikit-learn, hdbscan, PyTorch, NumPy",
  options = {
    only = config.option("", "parts to run, separated by commas: " .. table.concat(names, ", ") .. "; all but curve"),
    seeds = config.option(5, "infomap: searches from different orders whose code lengths to compare"),
    images = config.option(12936, "images to cluster"),
    dim = config.option(2048, "feature dimension"),
    hard = config.option(1.0, "spread of one person's images: 1 as for a network in mid-training"),
  },
}

local function wanted_parts(only)
  local wanted, any = {}, false
  for name in only:gmatch "[^,%s]+" do
    local known = false
    for _, other in ipairs(names) do known = known or other == name end
    if not known then
      errors.usage("there is no part \"%s\"%s; there are: %s", name, suggest(name, names), table.concat(names, ", "))
    end
    wanted[name], any = true, true
  end
  return function(part) return wanted[part[1]] or not any and not part.asked end
end

--- calr.lab.bench.cluster.rows(bench, options)
--- Runs the rows of all parts that `only` names.
function benchmark.rows(bench, options)
  local wanted = wanted_parts(options.only)
  for _, part in ipairs(parts) do
    if wanted(part) then require("calr.lab.bench.clustering." .. part[2])[part[1]](bench, options) end
  end
end

return benchmark
