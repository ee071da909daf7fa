--- @module calr.lab.bench.clustering.partitions
--- Rows of calr bench cluster: hierarchies, densities, means, and measures of cluster quality.

local cluster = require "calr.cluster"
local data = require "calr.lab.bench.clustering.data"

local partitions = {}

local SMALL, EACH = 3000, 5 -- images per camera, and per local cluster
local NARROW = 64 -- numbers of a feature, for densities
local KMEANS = { "sklearn", "sklearnex", "faiss" } -- programs

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
--- Measures HDBSCAN on given distances, and of features of 64 numbers.
function partitions.hdbscan(bench, options)
  local images = math.min(options.images, 6000)
  local distances = cluster.distances((people(options, images)), { metric = "euclidean" })
  local files <close> = data.files { distances = distances }
  local peers <close> = bench.peer("cluster_hdbscan", data.options(files, { min_cluster_size = 5, min_samples = 5 }))
  local settings = { min_cluster_size = 5, min_samples = 5 }
  bench.row { work = ("HDBSCAN, %d x %d"):format(images, images), time = bench.time(function()
    cluster.hdbscan(distances, settings)
  end, { peers = peers, single = true, ["repeat"] = 3 }) }
  local x = data.people { images = options.images, dim = NARROW, hard = options.hard }
  local rows <close> = data.files { x = x }
  local others <close> = bench.peer("cluster_hdbscan_features", data.options(rows, settings))
  local found
  local time = bench.time(function()
    found = select(2, cluster.hdbscan_features(x, { metric = "euclidean", min_cluster_size = settings.min_cluster_size,
      min_samples = settings.min_samples }))
  end, { peers = others, single = true, ["repeat"] = 3 })
  bench.row { work = ("HDBSCAN of features, %d x %d"):format(options.images, NARROW), time = time,
    aim = { ratio = 1.5 }, detail = { clusters = found } }
  for _, peer in ipairs(others) do
    if peer.answer and peer.answer.clusters ~= found then
      bench.note(("%s finds %d clusters, calr %d"):format(peer.name, peer.answer.clusters, found))
    end
  end
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
  local peers <close> = data.peers(bench, "cluster_kmeans", KMEANS,
    data.options(files, { clusters = clusters, rounds = rounds }))
  local time = bench.time(run, { peers = peers, single = true, ["repeat"] = 3 })
  bench.row { work = ("k-means, %d clusters, %d x %d, %d rounds"):format(clusters, options.images, options.dim,
    info.iterations), time = time, flops = 2.0 * clusters * options.images * options.dim * info.iterations,
    aim = { ratio = 1 }, detail = { inertia = info.inertia } }
  for _, peer in ipairs(peers) do
    if peer.answer and peer.answer.inertia then
      bench.note(("%s: inertia %.2f, calr %.2f"):format(peer.name, peer.answer.inertia, info.inertia))
    end
  end
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
