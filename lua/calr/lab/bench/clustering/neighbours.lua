--- @module calr.lab.bench.clustering.neighbours
--- Rows of calr bench cluster: neighbours, the Jaccard distance made from them, and re-ranking. Products are counted in
--- full, n^2 d for neighbours within a set, though each pair is computed once and some of it in bytes. That gain can
--- push the share of the limit above 100 %.

local cluster = require "calr.cluster"
local data = require "calr.lab.bench.clustering.data"
local rank = require "calr.rank"

local neighbours = {}

local K1, K2, EPS, LEAST = 30, 6, 0.6, 4

local function people(options, images)
  return data.people { images = images, dim = options.dim, hard = options.hard }
end

-- Memory beyond the features in the first of two calls, that of a fresh process.
local function peak_of(bench, run)
  local memory = bench.memory()
  run()
  return memory()
end

local function note_difference(bench, peers, field, ours, tolerance)
  for _, peer in ipairs(peers) do
    local theirs = peer.answer and peer.answer[field]
    if theirs and math.abs(theirs - ours) > tolerance * math.abs(ours) then
      bench.note(("%s has a %s of %.6f, calr of %.6f"):format(peer.name, field, theirs, ours))
    end
  end
end

--- calr.lab.bench.clustering.neighbours.neighbours(bench, options)
--- Measures the 30 nearest neighbours of every row.
function neighbours.neighbours(bench, options)
  local x = people(options, options.images)
  local files <close> = data.files { base = x }
  local k, near = 30, nil
  local function run() near = cluster.knn(x, { k = k }) end
  local peak = peak_of(bench, run)
  local peers <close> = bench.peer("cluster_neighbours", data.options(files, { k = k }))
  bench.row { work = ("%d neighbours, %d x %d"):format(k, options.images, options.dim),
    time = bench.time(run, { peers = peers, single = true, ["repeat"] = 5 }), memory = peak,
    flops = 2.0 * options.images ^ 2 * options.dim, aim = { ratio = 4, share = 0.85 } }
  local sum, count = 0, options.images * k
  local values = near.similarities:reshape { count }
  for i = 1, count do sum = sum + values:get(i) end
  note_difference(bench, peers, "sum", sum, 1e-5)
end

--- calr.lab.bench.clustering.neighbours.lists(bench, options)
--- Measures the first ten gallery images for each query.
function neighbours.lists(bench, options)
  local queries, gallery, k = 3368, 15913, 10
  local x = people(options, queries + gallery)
  local rows = data.split(queries + gallery, queries)
  local set = { query = x:index_select(1, rows.first), gallery = x:index_select(1, rows.rest), k = k }
  local files <close> = data.files { query = set.query, base = set.gallery }
  local function run() rank.topk(set) end
  local peak = peak_of(bench, run)
  local peers <close> = bench.peer("cluster_neighbours", data.options(files, { k = k }))
  bench.row { work = ("first %d of a gallery, %d x %d x %d"):format(k, queries, gallery, options.dim),
    time = bench.time(run, { peers = peers, single = true, ["repeat"] = 5 }), memory = peak,
    flops = 2.0 * queries * gallery * options.dim, aim = { share = 0.85 } }
end

-- Neighbours and Jaccard distances of made-up features; o: images, dim, hard, within, aim, peer, repeats. Returns the
-- distances.
local function jaccard_row(bench, o)
  local x, distance = people(o, o.images), nil
  local files <close> = data.files(o.peer and { base = x } or {})
  local function run()
    distance = nil
    collectgarbage()
    distance = cluster.jaccard(x, { k1 = K1, k2 = K2, within = o.within })
  end
  local peak = peak_of(bench, run)
  local peers = o.peer and bench.peer("cluster_jaccard", data.options(files, { k1 = K1, k2 = K2 })) or {}
  bench.row { work = ("Jaccard %d/%d, %s, %d x %d"):format(K1, K2, o.within and "within " .. o.within or "all pairs",
    o.images, o.dim), memory = peak, flops = 2.0 * o.images ^ 2 * o.dim, aim = o.aim,
    time = bench.time(run, { peers = peers, single = true, warmup = 0, ["repeat"] = o.repeats or 3 }) }
  for _, peer in ipairs(peers) do peer:close() end
  return distance
end

-- The number of pairs depends on the features: the more they mix, the more pairs share a neighbour.
local function note_pairs(bench, distance)
  local pairs_stored = tonumber(tostring(distance):match "(%d+) stored")
  bench.note(("  all pairs are %.1f million, %.0f MB"):format(pairs_stored / 1e6, pairs_stored * 8 / 1e6))
end

--- calr.lab.bench.clustering.neighbours.jaccard(bench, options)
--- Measures Jaccard distances, neighbours included, all of them and only those that DBSCAN needs, and DBSCAN on them;
--- then the same for the image count of MSMT17.
function neighbours.jaccard(bench, options)
  local o = { images = options.images, dim = options.dim, hard = options.hard }
  local function row(more)
    for key, value in pairs(o) do more[key] = more[key] or value end
    return jaccard_row(bench, more)
  end
  local distance = row { aim = { ratio = 10, memory = 250e6 }, peer = true }
  note_pairs(bench, distance)
  row { aim = { ratio = 10, memory = 250e6 }, within = EPS }
  local files <close> = data.files { distances = distance:dense() }
  local found
  local function scan() found = select(2, cluster.dbscan(distance, { eps = EPS, min_samples = LEAST })) end
  local peers <close> = bench.peer("cluster_dbscan", data.options(files, { eps = EPS, min_samples = LEAST }))
  bench.row { work = ("+ DBSCAN, eps %g, min %d"):format(EPS, LEAST), aim = { seconds = 0.1 },
    time = bench.time(scan, { peers = peers, single = true, ["repeat"] = 5 }), detail = { clusters = found } }
  note_difference(bench, peers, "clusters", found, 0)
  distance = nil
  if options.images == 12936 then
    local aim = { seconds = 12, memory = 700e6 }
    distance = row { images = 32621, aim = aim, repeats = 1 }
    note_pairs(bench, distance)
    distance = nil
    collectgarbage()
    row { images = 32621, aim = aim, repeats = 1, within = EPS }
  end
end

--- calr.lab.bench.clustering.neighbours.curve(bench, options)
--- Measures Jaccard distances for 5,000 to 200,000 images of 512 dimensions, only those that DBSCAN needs: time and
--- memory over the number of images. Takes minutes, and runs only when named.
function neighbours.curve(bench, options)
  for _, images in ipairs { 5000, 10000, 20000, 50000, 100000, 200000 } do
    jaccard_row(bench, { images = images, dim = 512, hard = options.hard, within = EPS, repeats = 1,
      aim = images == 200000 and { memory = 4e9 - 4 * images * 512 } or nil })
    collectgarbage()
  end
end

--- calr.lab.bench.clustering.neighbours.rerank(bench, options)
--- Measures k-reciprocal re-ranking at the size of Market-1501, for the first ten of each query.
function neighbours.rerank(bench, options)
  local queries, gallery = 3368, 15913
  local rows, set = data.split(queries + gallery, queries), { k = 10, rerank = true }
  do
    local x = data.people { images = queries + gallery, dim = options.dim, each = 25, hard = options.hard }
    set.query, set.gallery = x:index_select(1, rows.first), x:index_select(1, rows.rest)
  end
  local files <close> = data.files { query = set.query, gallery = set.gallery }
  local function run() rank.topk(set) end
  local features = 4.0 * (queries + gallery) * options.dim
  local peak = peak_of(bench, run)
  local peers <close> = bench.peer("rank_rerank", data.options(files))
  bench.row { work = ("re-ranking, %d + %d"):format(queries, gallery), memory = peak,
    time = bench.time(run, { peers = peers, single = true, warmup = 0, ["repeat"] = 3 }),
    flops = 2.0 * (queries + gallery) ^ 2 * options.dim, aim = { seconds = 5, memory = 1e9 - features } }
end

return neighbours
