--- @module calr.lab.bench.ivf
--- calr bench ivf: measures approximate neighbours of a million images against faiss with the same lists and probes.

local cluster = require "calr.cluster"
local config = require "calr.config"
local data = require "calr.lab.bench.clustering.data"
local sys = require "calr.sys"

local benchmark = {
  summary = "approximate neighbours of a million rows: making an index, searching it, recall; peer faiss IVF",
  options = {
    images = config.option(1000000, "rows of the index"),
    dim = config.option(128, "dimension"),
    queries = config.option(10000, "rows to search for"),
    k = config.option(30, "neighbours per query"),
    lists = config.option(2000, "of the index"),
    sample = config.option(64000, "rows that k-means sees"),
    recall = config.option(0.95, "share of true neighbours to find; sets the probes"),
    each = config.option(50, "images per person"),
    measure = config.option(500, "queries with exact neighbours, to measure the recall"),
  },
}

local function make(options)
  local all = data.people { images = options.images + options.queries, dim = options.dim, each = options.each,
    latent = math.max(8, options.dim * 3 // 8) }
  local rows = data.split(options.images + options.queries, options.queries)
  return all:index_select(1, rows.rest), all:index_select(1, rows.first)
end

-- The first run of a peer builds its index; all others search it.
local function peer_row(peer)
  local seconds = peer:run()
  return seconds and { name = peer.name, seconds = seconds, memory = peer.memory } or nil
end

-- Builds the index; also returns its time and peak memory.
local function build(bench, options, x)
  local memory, began = bench.memory(), sys.clock()
  local index = cluster.ivf(x, { lists = options.lists, sample = options.sample })
  return index, sys.clock() - began, memory()
end

--- calr.lab.bench.ivf.rows(bench, options)
--- Prints a row for building the index, one for the search, and a table of recalls: the share of the exact neighbours
--- of some queries that is found.
function benchmark.rows(bench, options)
  local x, queries = make(options)
  local some = queries:narrow(1, 1, math.min(options.measure, options.queries)):contiguous()
  local truth = cluster.knn(some, { k = options.k, base = x }).indices
  local files <close> = data.files { x = x, queries = queries, truth = truth }
  local index, seconds, peak = build(bench, options, x)
  local chosen = index:search(some, { k = options.k, recall = options.recall })
  local peers <close> = bench.peer("ivf", data.options(files, { lists = options.lists, sample = options.sample,
    probes = chosen.probes, k = options.k }))
  local theirs = {}
  for _, peer in ipairs(peers) do theirs[#theirs + 1] = peer_row(peer) end
  bench.row { work = ("index of %d x %d, %d lists"):format(options.images, options.dim, options.lists),
    seconds = seconds, memory = peak, peer = theirs, count = options.images, unit = "rows" }
  local near
  local function run() near = index:search(queries, { k = options.k, probes = chosen.probes }) end
  local time = bench.time(run, { peers = peers, single = true, ["repeat"] = 3 })
  for _, peer in ipairs(time.peers) do -- without the run that built the index
    peer.seconds = bench.median(table.move(peer.samples, 2, #peer.samples, 1, {}))
  end
  bench.row { work = ("%d queries, %d of %d lists, k = %d"):format(options.queries, chosen.probes, options.lists,
    options.k), time = time, count = options.queries, unit = "queries" }
  local rows = { { "calr", data.recall(near.indices, truth) } }
  for _, peer in ipairs(peers) do
    if peer.answer and peer.answer.recall then rows[#rows + 1] = { peer.name, peer.answer.recall } end
  end
  local records = {}
  for i, row in ipairs(rows) do records[i] = { program = row[1], recall = row[2] } end
  bench.table { title = ("recall at %d, of %d queries"):format(options.k, some:size(1)), records = records, rows = rows,
    columns = { "program", { "recall", format = "%.4f", align = "right" } } }
end

return benchmark
