local C = require "calr.cluster"
local L = require "calr.labels"
local T = require "calr.tensor"
local check_options = require("calr.options").check
local config = require "calr.config"
local suggest = require "calr.options".suggest
local sys = require "calr.sys"

--- @module calr.lab.cluster
--- Clusters by the name of a method, with defaults; used by `calr cluster`. A method is one entry of the list
--- in lua/calr/lab/cluster/init.lua: its options with their defaults, and a function of features and options.
---
---     local labels, info = calr.lab.cluster.run("dbscan", features, { eps = 0.5 })

local clusterers = {}

local option, choice = config.option, config.choice

-- Distances between images, for the methods that use them.
local function with_distance(options)
  options.distance = choice({ "jaccard", "cosine", "euclidean", "camera-jaccard" }, "between images")
  options.k1 = option(30, "jaccard: neighbours considered, the image itself included")
  options.k2 = option(6, "jaccard: neighbours to average an encoding over; 1: none")
  options.k1_intra = option(5, "camera-jaccard: neighbours in the image's own camera")
  options.k1_inter = option(20, "camera-jaccard: neighbours in other cameras")
  options.k2_intra = option(2, "camera-jaccard: those of its own camera to average over")
  options.k2_inter = option(4, "camera-jaccard: those of other cameras to average over")
  return options
end

-- Options that one distance has.
local of_distance = { k1 = "jaccard", k2 = "jaccard", k1_intra = "camera-jaccard", k1_inter = "camera-jaccard",
  k2_intra = "camera-jaccard", k2_inter = "camera-jaccard" }

local function distance_of(x, o)
  if o.distance == "jaccard" then
    local near = o.eps and o.eps > 0 and o.eps < 1 and o.eps or 1 -- DBSCAN never uses the others
    return C.jaccard(x, { k1 = o.k1, k2 = o.k2, within = near })
  end
  if o.distance == "camera-jaccard" then
    return C.camera_jaccard(x, o.cameras, { k1_intra = o.k1_intra, k1_inter = o.k1_inter, k2_intra = o.k2_intra,
      k2_inter = o.k2_inter })
  end
  return C.distances(x, { metric = o.distance })
end

local too_few = {
  graph = "no image has enough neighbours: lower min_similarity or min_size, or raise k",
  dense = "no place is dense enough: ",
}

local function is_dense(o)
  return o.distance == "cosine" or o.distance == "euclidean"
end

-- Bytes of all pairs of n images, in f32.
local function all_pairs(n)
  return 4.0 * n * n
end

local graph = {
  k = option(15, "neighbours of each image, the image itself included"),
  min_similarity = option(0.5, "least cosine similarity of neighbours to join"),
  approximate = option(false, "find neighbours by an index where it is faster (200,000 images); reports its recall"),
  recall = option(0.95, "approximate: share of the true neighbours to find"),
}

-- The input of the graph: the features, or their neighbours if an index finds them; and the measured recall.
local function neighbours_of(x, o)
  if not o.approximate then return x, {} end
  local near = C.knn(x, { k = math.min(o.k, x:size(1)), approximate = { recall = o.recall } })
  return near, { recall = near.recall, index = near.index, lists = near.lists, probes = near.probes,
    effort = near.effort }
end

local function joined(found, more)
  for name, value in pairs(more) do found[name] = value end
  return found
end

-- "12 / 80 / 761": modules of each level, the coarsest first.
local function level_sizes(levels)
  local sizes = {}
  for l, labels in ipairs(levels) do sizes[l] = tostring(L.clusters(labels)) end
  return table.concat(sizes, " / ")
end

local methods = {
  {
    name = "infomap", summary = "modules of the graph of nearest neighbours (map equation)",
    options = {
      k = graph.k, min_similarity = graph.min_similarity, approximate = graph.approximate, recall = graph.recall,
      min_size = option(5, "smaller clusters become outliers"),
      levels = choice({ "two", "many" }, "many: nested modules, in as many levels as shorten the code"),
      level = option(0, "many: the level whose modules are the clusters; 1: the coarsest, 0: the finest"),
      directed = option(true, "edges go from an image to its neighbours"),
      seed = option(1, "of the order in which images are visited"),
      trials = option(1, "number of searches; the best one counts"),
      teleportation = option(0.15, "share of steps at which the random walker jumps; directed only"),
    },
    none = too_few.graph, one = "raise min_similarity, or lower k",
    run = function(x, o)
      local near, index = neighbours_of(x, o)
      local labels, info = C.infomap(near, { k = o.k, min_similarity = o.min_similarity, min_size = o.min_size,
        directed = o.directed, seed = o.seed, trials = o.trials, teleportation = o.teleportation, levels = o.levels,
        level = o.level and o.level > 0 and o.level or nil })
      return labels, joined({ codelength = info.codelength, modules = info.modules, edges = info.edges,
        levels = info.levels and level_sizes(info.levels) }, index)
    end,
  },
  {
    name = "leiden", summary = "communities of the same graph, of a size you choose",
    options = {
      k = graph.k, min_similarity = graph.min_similarity, approximate = graph.approximate, recall = graph.recall,
      min_size = option(5, "smaller clusters become outliers"),
      quality = choice({ "modularity", "potts" }, "measure of a community; potts does not depend on the data's size"),
      resolution = option(1.0, "higher gives smaller clusters; potts: their least mean similarity, 0.1 to 1"),
      seed = option(1, "of the order in which images are visited"),
      trials = option(1, "number of searches; the best one counts"),
    },
    none = too_few.graph, one = "raise resolution or min_similarity",
    run = function(x, o)
      local near, index = neighbours_of(x, o)
      local labels, info = C.leiden(near, { k = o.k, min_similarity = o.min_similarity, min_size = o.min_size,
        quality = o.quality, resolution = o.resolution, seed = o.seed, trials = o.trials })
      return labels, joined({ [o.quality] = info.quality, communities = info.communities, edges = info.edges }, index)
    end,
  },
  {
    name = "dbscan", summary = "dense regions of one density",
    options = with_distance {
      eps = option(0.6, "largest distance of a neighbour"),
      min_samples = option(4, "neighbours, itself included, that make an image a core point"),
    },
    none = too_few.dense .. "raise eps, or lower min_samples", one = "lower eps",
    run = function(x, o) return (C.dbscan(distance_of(x, o), { eps = o.eps, min_samples = o.min_samples })) end,
    memory = function(n, o) return is_dense(o) and all_pairs(n) or 0 end,
  },
  {
    name = "hdbscan", summary = "dense regions of varying density",
    options = with_distance {
      min_cluster_size = option(5, "least number of images in a cluster"),
      min_samples = option(0, "neighbours that make a region dense; 0: as min_cluster_size"),
      epsilon = option(0.0, "clusters that split below this distance stay one"),
    },
    none = too_few.dense .. "lower min_cluster_size or min_samples", one = "lower epsilon or min_cluster_size",
    run = function(x, o)
      return (C.hdbscan(distance_of(x, o), { min_cluster_size = o.min_cluster_size, epsilon = o.epsilon,
        min_samples = o.min_samples > 0 and o.min_samples or nil }))
    end,
    memory = function(n, o) return is_dense(o) and all_pairs(n) or 0 end,
  },
  {
    name = "agglomerative", summary = "repeatedly merges the two nearest clusters",
    options = with_distance {
      clusters = option(0, "number of clusters; 0: set by cut"),
      cut = option(0.8, "distance at which merging ends if clusters is 0"),
      linkage = choice({ "average", "complete", "single", "ward" }, "distance between two clusters"),
      min_size = option(1, "smaller clusters become outliers"),
    },
    none = "lower min_size, or raise cut", one = "lower cut, or set the number: clusters=100",
    run = function(x, o)
      local labels = C.agglomerative(distance_of(x, o), { linkage = o.linkage,
        clusters = o.clusters > 0 and o.clusters or nil, distance = o.clusters == 0 and o.cut or nil })
      return (L.canonical(labels, { min_size = o.min_size }))
    end,
    memory = function(n, o)
      return (is_dense(o) and all_pairs(n) or 0) + (o.linkage == "single" and 0 or all_pairs(n))
    end,
  },
  {
    name = "kmeans", summary = "a given number of clusters around their means (euclidean)",
    options = {
      clusters = option(0, "number of clusters; 0: one per 16 images"),
      iterations = option(100, "largest number of rounds"),
      batch = option(0, "rows per mini-batch, such as 1024, for millions of rows; 0: all rows"),
      seed = option(1, "of the choice of the first means"),
    },
    one = "set the number: clusters=100",
    run = function(x, o)
      local clusters = o.clusters > 0 and o.clusters or math.max(1, x:size(1) // 16)
      local labels, info = C.kmeans(x, { clusters = clusters, iterations = o.iterations, seed = o.seed,
        batch = o.batch > 0 and o.batch or nil })
      return labels, { inertia = info.inertia, iterations = info.iterations }
    end,
  },
  {
    name = "components", summary = "images joined by chains of near neighbours",
    options = {
      k = graph.k, approximate = graph.approximate, recall = graph.recall,
      min_similarity = option(0.7, "least cosine similarity of neighbours to join"),
      mutual = option(true, "join only mutual neighbours"),
      min_size = option(2, "smaller clusters become outliers"),
    },
    none = too_few.graph, one = "raise min_similarity, or lower k",
    run = function(x, o)
      local near, index = neighbours_of(x, o)
      local labels = C.components(near, { k = o.k, min_similarity = o.min_similarity, mutual = o.mutual,
        min_size = o.min_size })
      return labels, index
    end,
  },
}

--- calr.lab.cluster.methods()
--- @return table  list of {name=, summary=, options = {name -> default, as for calr.config}, none=, one=}; the last two
---                say what to change if the result is no cluster, or only one
function clusterers.methods()
  return table.move(methods, 1, #methods, 1, {})
end

--- calr.lab.cluster.method(name)
--- @return table  the method of that name; an unknown name is an error that lists them
function clusterers.method(name)
  local names = {}
  for i, method in ipairs(methods) do
    if method.name == name then return method end
    names[i] = method.name
  end
  error(("there is no method \"%s\"%s; there are: %s"):format(tostring(name),
    suggest(tostring(name), names), table.concat(names, ", ")), 0)
end

-- Available bytes of memory, as reported by Linux; nil if unknown.
local function available()
  local ok, text = pcall(sys.read_file, "/proc/meminfo")
  local kilobytes = ok and text:match "MemAvailable:%s*(%d+) kB"
  return kilobytes and tonumber(kilobytes) * 1024.0
end

local function check_memory(method, n, o)
  local needed, free = method.memory and method.memory(n, o) or 0, available()
  if not free or needed <= free then return end
  local text = require "calr.text"
  error(("%s needs the distances of all pairs of %s images, %s, but only %s of memory are free; use %s"):format(
    method.name, text.count(n), text.bytes(needed), text.bytes(free),
    method.name ~= "agglomerative" and "distance=jaccard, which is sparse"
      or "infomap, or dbscan or hdbscan with distance=jaccard"), 0)
end

-- Refuses options that have no meaning together with the others.
local function check_together(o, given)
  for name, distance in pairs(of_distance) do
    if o[name] ~= nil and o.distance ~= distance then
      if given[name] ~= nil then
        error(("%s is an option of the distance %s; the distance is %s"):format(name, distance, o.distance), 0)
      end
      o[name] = nil
    end
  end
  if o.approximate == false then
    if given.recall ~= nil then error("recall is an option of approximate neighbours (approximate)", 0) end
    o.approximate, o.recall = nil, nil
  elseif o.recall and not (o.recall > 0 and o.recall <= 1) then
    error(("recall must be above 0 and at most 1; %s is not"):format(o.recall), 0)
  end
  if o.levels == "two" then
    if given.level ~= nil then error("level is an option of levels=many", 0) end
    o.level = nil
  elseif o.level and o.level < 0 then
    error(("level counts from 1, the coarsest; 0 is the finest; %d is neither"):format(o.level), 0)
  end
  if o.cut and o.clusters > 0 then
    if given.cut ~= nil then error("cut and clusters cannot be combined", 0) end
    o.cut = nil
  end
  if o.k2 and o.k2 > o.k1 then
    if given.k2 ~= nil then error(("k2 must be at most k1 = %d; %d is not"):format(o.k1, o.k2), 0) end
    o.k2 = o.k1
  end
end

--- calr.lab.cluster.run(name, x, options)
--- @param name     of the method
--- @param x        f32[n x d], one row an image, finite
--- @param options  of the method, by name (`calr cluster --help` lists them); cameras = i32[n], from 0, for
---                 distance="camera-jaccard"
--- @return tensor  labels i32[n], numbered from 0 by first appearance, -1 for outliers
--- @return table   other results of the method, such as Infomap's codelength; may be empty
--- @return table   the options of the method that were in use, with their values
function clusterers.run(name, x, options)
  local method = clusterers.method(name)
  local given = {}
  for key, value in pairs(options or {}) do given[key] = value end
  local cameras = given.cameras
  given.cameras = nil
  check_options(name, given, (config.names(method.options)))
  local o = config.apply(method.options, given)
  check_together(o, given)
  if o.distance == "camera-jaccard" and not cameras then
    error("the distance camera-jaccard needs the cameras of the images (--cameras)", 0)
  end
  local n = x:size(1)
  if n == 0 then return T.zeros({ 0 }, "i32"), {}, o end
  check_memory(method, n, o)
  local labels, info = method.run(x, setmetatable({ cameras = cameras }, { __index = o }))
  return labels, info or {}, o
end

return (require("calr.options").counted("calr.lab.cluster.", clusterers))
