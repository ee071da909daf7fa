--- @module calr.lab.bench.clustering.partitions
--- Rows of calr bench cluster: hierarchies, densities, means, and measures of cluster quality.

local cluster = require "calr.cluster"
local data = require "calr.lab.bench.clustering.data"

local partitions = {}

local SMALL, EACH = 3000, 5 -- images per camera, and per local cluster

local function people(options, images)
  return data.people { images = images, dim = options.dim, hard = options.hard }
end

--- calr.lab.bench.clustering.partitions.agglomerative(bench, options)
--- Measures average linkage on given distances: of one camera, as in stage 1, and of a whole data set.
function partitions.agglomerative(bench, options)
  for _, images in ipairs(options.images > SMALL and { SMALL, options.images } or { options.images }) do
    local distances = cluster.distances((people(options, images)))
    local files <close> = data.files { distances = distances }
    local clusters = images // EACH
    local memory = bench.memory()
    local function run() cluster.agglomerative(distances, { clusters = clusters, linkage = "average" }) end
    run()
    local peak = memory()
    local large = images > SMALL
    local peers <close> = bench.peer("cluster_agglomerative", data.options(files, { clusters = clusters }))
    bench.row { work = ("agglomerative, average, %d x %d"):format(images, images),
      time = bench.time(run, { peers = peers, single = true, ["repeat"] = large and 1 or 7 }), memory = peak,
      aim = large and { seconds = 8, memory = 1e9 } or { ratio = 2 } }
  end
end

--- calr.lab.bench.clustering.partitions.hdbscan(bench, options)
--- Measures HDBSCAN on given distances.
function partitions.hdbscan(bench, options)
  local images = math.min(options.images, 6000)
  local distances = cluster.distances((people(options, images)), { metric = "euclidean" })
  local files <close> = data.files { distances = distances }
  local peers <close> = bench.peer("cluster_hdbscan", data.options(files, { min_cluster_size = 5, min_samples = 5 }))
  bench.row { work = ("HDBSCAN, %d x %d"):format(images, images), time = bench.time(function()
    cluster.hdbscan(distances, { min_cluster_size = 5, min_samples = 5 })
  end, { peers = peers, single = true, ["repeat"] = 3 }) }
end

--- calr.lab.bench.clustering.partitions.kmeans(bench, options)
--- Measures twenty rounds of k-means from k-means++ seeds.
function partitions.kmeans(bench, options)
  local x = people(options, options.images)
  local clusters, rounds = math.max(1, options.images // 17), 20
  local files <close> = data.files { x = x }
  local info
  local function run()
    info = select(2, cluster.kmeans(x, { clusters = clusters, iterations = rounds, tolerance = 0 }))
  end
  local peers <close> = bench.peer("cluster_kmeans", data.options(files, { clusters = clusters, rounds = rounds }))
  local time = bench.time(run, { peers = peers, single = true, ["repeat"] = 3 })
  bench.row { work = ("k-means, %d clusters, %d x %d, %d rounds"):format(clusters, options.images, options.dim,
    info.iterations), time = time, flops = 2.0 * clusters * options.images * options.dim * info.iterations,
    detail = { inertia = info.inertia } }
end

--- calr.lab.bench.clustering.partitions.silhouette(bench, options)
--- Measures the silhouette by cosine distances of features.
function partitions.silhouette(bench, options)
  local x, ids = people(options, options.images)
  local files <close> = data.files { x = x, labels = ids }
  local peers <close> = bench.peer("cluster_silhouette", data.options(files))
  local n = options.images
  bench.row { work = ("silhouette, %d x %d"):format(n, options.dim), time = bench.time(function()
    cluster.silhouette_features(x, ids)
  end, { peers = peers, single = true, ["repeat"] = 3 }), flops = 2.0 * n * n * options.dim }
  bench.row { work = "silhouette against centroids", time = bench.time(function()
    cluster.simplified_silhouette(x, ids)
  end, { single = true, ["repeat"] = 3 }) }
end

return partitions
