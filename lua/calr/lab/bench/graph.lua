--- @module calr.lab.bench.graph
--- calr bench graph: measures approximate neighbours by a graph against hnswlib at the same recall, and against our own
--- exact search and inverted file.

local T = require "calr.tensor"
local cluster = require "calr.cluster"
local config = require "calr.config"
local data = require "calr.lab.bench.clustering.data"
local rng = require "calr.rng"
local sys = require "calr.sys"

local benchmark = {
  summary = "approximate neighbours by a graph: making it, searching it at a recall; peer hnswlib",
  options = {
    images = config.option(200000, "rows of the graph"),
    dim = config.option(64, "dimension"),
    queries = config.option(4000, "rows to search for"),
    k = config.option(10, "neighbours per query"),
    each = config.option(17, "images per person"),
    noise = config.option(0.9, "of an image, beside a person's 1; in all dimensions"),
    recall = config.option(0.95, "share of true neighbours to find; sets the effort, and the peer's ef"),
    links = config.option(32, "of a row, at most"),
    build_effort = config.option(64, "rows kept in mind while a row is inserted"),
    m = config.option(16, "hnswlib's M: half of the links of a row"),
    construction = config.option(200, "hnswlib's ef_construction"),
    others = config.option(true, "our exact search and inverted file too"),
    all = config.option(false, "instead: k neighbours of every row; peers hnswlib, usearch, faiss"),
  },
}

-- Persons in all dimensions, and rows left out as queries.
local function make(options)
  local random, count = rng.open { seed = 5, purpose = "graph" }, options.images + options.queries
  local ids = {}
  for i = 1, count do ids[i] = (i - 1) // options.each end
  local x = random:fill_normal(T.zeros { count, options.dim }, 0, options.noise)
    + random:fill_normal(T.zeros { ids[count] + 1, options.dim }, 0, 1):index_select(1, T(ids, "i64"))
  x = T.l2_normalize(x)
  local rows = data.split(count, options.queries)
  return x:index_select(1, rows.rest), x:index_select(1, rows.first)
end

-- Makes an index; also returns its time and peak memory.
local function build(bench, make_index)
  local memory, began = bench.memory(), sys.clock()
  local index = make_index()
  return index, sys.clock() - began, memory()
end

-- Rows of our other searches, at the same recall.
local function other_rows(bench, options, x, queries, recalls)
  local function row(name, run)
    local near
    local time = bench.time(function() near = run() end, { single = true, ["repeat"] = 3 })
    bench.row { work = name:format(options.queries, options.k), time = time, count = options.queries, unit = "queries" }
    return near
  end
  row("%d queries, exact, k = %d", function() return cluster.knn(queries, { k = options.k, base = x }) end)
  local index, seconds, peak = build(bench, function() return cluster.ivf(x) end)
  bench.row { work = "inverted file", seconds = seconds, memory = peak, count = options.images, unit = "rows" }
  local chosen = index:search(queries, { k = options.k, recall = options.recall, measure = 500 })
  row("%d queries, inverted file, k = %d", function()
    return index:search(queries, { k = options.k, probes = chosen.probes })
  end)
  recalls[#recalls + 1] = { "inverted file", chosen.recall, chosen.probes }
end

-- The table of recalls from lists {program, recall, effort}.
local function show_recalls(bench, k, rows)
  local records = {}
  for i, row in ipairs(rows) do records[i] = { program = row[1], recall = row[2], effort = row[3] } end
  bench.table { title = ("recall at %d"):format(k), records = records, rows = rows,
    columns = { "program", { "recall", format = "%.4f", align = "right" },
      { "effort", format = "%d", align = "right" } } }
end

-- Every row's neighbours: making a graph and searching all rows, with the least effort for the recall.
local function all_rows(bench, options)
  local x = make(options)
  local rows = data.split(x:size(1), math.min(1000, x:size(1))).first
  local truth = cluster.knn(x:index_select(1, rows), { k = options.k, base = x }).indices
  local files <close> = data.files { x = x, rows = rows, truth = truth }
  local peers <close> = data.peers(bench, "graph_all", { "hnswlib", "usearch", "faiss" },
    data.options(files, { m = options.m, construction = options.construction, recall = options.recall,
      k = options.k }))
  local near, effort
  local function run()
    local graph = cluster.neighbour_graph(x, { links = options.links, build_effort = options.build_effort })
    near = graph:search { k = options.k, recall = options.recall, effort = effort, measure = 1000 }
    effort = near.effort or effort -- chosen by the run that warms up
  end
  local time = bench.time(run, { peers = peers, single = true, ["repeat"] = 1 })
  bench.row { work = ("%d neighbours of each of %d x %d"):format(options.k, x:size(1), options.dim), time = time,
    count = x:size(1), unit = "rows", aim = { ratio = 2 } }
  local recalls = { { "calr", data.recall(near.indices:index_select(1, rows), truth), effort } }
  for _, peer in ipairs(peers) do
    local found = peer.answer
    if found and found.recall then recalls[#recalls + 1] = { peer.name, found.recall, found.effort } end
  end
  show_recalls(bench, options.k, recalls)
end

--- calr.lab.bench.graph.rows(bench, options)
--- Prints a row for making the graph, one for the search, rows of our other searches, and a table of recalls.
function benchmark.rows(bench, options)
  if options.all then return all_rows(bench, options) end
  local x, queries = make(options)
  local truth = cluster.knn(queries, { k = options.k, base = x }).indices
  local files <close> = data.files { x = x, queries = queries, truth = truth }
  local peers <close> = bench.peer("graph", data.options(files, { m = options.m, construction = options.construction,
    recall = options.recall, k = options.k }))
  local graph, seconds, peak = build(bench, function()
    return cluster.neighbour_graph(x, { links = options.links, build_effort = options.build_effort })
  end)
  local theirs = {}
  for _, peer in ipairs(peers) do
    local took = peer:run()
    theirs[#theirs + 1] = took and { name = peer.name, seconds = took, memory = peer.memory } or nil
  end
  bench.row { work = ("graph of %d x %d"):format(options.images, options.dim), seconds = seconds, memory = peak,
    peer = theirs, count = options.images, unit = "rows", aim = { ratio = 2 } }
  local near = graph:search(queries, { k = options.k, recall = options.recall, measure = options.queries })
  local effort = near.effort
  local function run() near = graph:search(queries, { k = options.k, effort = effort }) end
  local time = bench.time(run, { peers = peers, single = true, ["repeat"] = 5 })
  for _, peer in ipairs(time.peers) do -- without the run that built the index
    peer.seconds = bench.median(table.move(peer.samples, 2, #peer.samples, 1, {}))
  end
  bench.row { work = ("%d queries, k = %d"):format(options.queries, options.k), time = time, count = options.queries,
    unit = "queries", aim = { ratio = 1 } }
  local rows = { { "calr", data.recall(near.indices, truth), effort } }
  if options.others then other_rows(bench, options, x, queries, rows) end
  for _, peer in ipairs(peers) do
    if peer.answer and peer.answer.recall then rows[#rows + 1] = { peer.name, peer.answer.recall, peer.answer.ef } end
  end
  show_recalls(bench, options.k, rows)
end

return benchmark
