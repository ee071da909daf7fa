--- @module calr.lab.bench.clustering.graphs
--- Rows of calr bench cluster: clusters of the graph of nearest neighbours.

local cluster = require "calr.cluster"
local data = require "calr.lab.bench.clustering.data"

local graphs = {}

local K, LEAST = 15, 0.5

local function neighbours(options)
  return cluster.knn((data.people { images = options.images, dim = options.dim, hard = options.hard }), { k = K })
end

local function spread(values)
  local sorted = table.move(values, 1, #values, 1, {})
  table.sort(sorted)
  return sorted[1], sorted[#sorted]
end

-- Adds what the searches of calr and of its peers have reached to a list: work, program, median, least, most, and the
-- percentage by which calr's median is above the peer's.
local function add_values(bench, list, work, found, peers, field)
  local ours = bench.median(found)
  list[#list + 1] = { work, "calr", ours, spread(found) }
  for _, peer in ipairs(peers) do
    local theirs = peer.answer and peer.answer[field]
    if theirs and #theirs > 0 then
      local middle, least, most = bench.median(theirs), spread(theirs)
      list[#list + 1] = { work, peer.name, middle, least, most, 100 * (ours / middle - 1) }
    end
  end
end

local function show_values(bench, title, list)
  local records = {}
  for i, row in ipairs(list) do
    records[i] = { work = row[1], program = row[2], median = row[3], least = row[4], most = row[5],
      difference = row[6] }
  end
  local function value(head) return { head, format = "%.4f", align = "right" } end
  bench.table { title = title, records = records, rows = list, columns = { "work", "program", value "median",
    value "least", value "most", { "calr against it", format = "%+.3f %%", align = "right" } } }
end

-- One search per sample, each with its own seed, ours and the peer's in turn; adds to the list of code lengths.
local function search(bench, options, near, files, levels, lengths)
  local found, info = {}, nil
  local seed = -1 -- the first call warms up
  local function run()
    seed = seed + 1
    local _, result = cluster.infomap(near, { min_similarity = LEAST, seed = seed, levels = levels })
    info = result
    if seed > 0 then found[#found + 1] = result.codelength end
  end
  local peers <close> = bench.peer("cluster_infomap", data.options(files, { min_similarity = LEAST, levels = levels }))
  local time = bench.time(run, { peers = peers, single = true, ["repeat"] = options.seeds })
  local work = levels == "two" and "Infomap, two levels" or "Infomap, many levels"
  bench.row { work = ("%s, %d x %d, %d links"):format(work, options.images, K, info.edges), time = time,
    aim = { ratio = levels == "two" and 3 or 4 }, detail = { codelength = found } }
  add_values(bench, lengths, work, found, peers, "codelength")
end

--- calr.lab.bench.clustering.graphs.infomap(bench, options)
--- Measures Infomap on given neighbours: the graph, the flow and one search. The peer's time is that of its run()
--- alone, links already added.
function graphs.infomap(bench, options)
  local near = neighbours(options)
  local files <close> = data.files { indices = near.indices, similarities = near.similarities }
  local lengths = {}
  for _, levels in ipairs { "two", "many" } do search(bench, options, near, files, levels, lengths) end
  show_values(bench, ("bits a step, median of %d seeds"):format(options.seeds), lengths)
end

--- calr.lab.bench.clustering.graphs.leiden(bench, options)
--- Measures Leiden on the same graph, a search per sample, each with its own seed; of the peers the search alone.
function graphs.leiden(bench, options)
  local near = neighbours(options)
  local files <close> = data.files { indices = near.indices, similarities = near.similarities }
  local found, seed, info = {}, -1, nil -- the first call warms up
  local function run()
    seed = seed + 1
    info = select(2, cluster.leiden(near, { min_similarity = LEAST, seed = seed }))
    if seed > 0 then found[#found + 1] = info.quality end
  end
  local peers <close> = data.peers(bench, "cluster_leiden", { "igraph", "networkit" },
    data.options(files, { min_similarity = LEAST }))
  local time = bench.time(run, { peers = peers, single = true, ["repeat"] = options.seeds })
  local work = ("Leiden, modularity, %d x %d, %d links"):format(options.images, K, info.edges)
  bench.row { work = work, time = time, aim = { ratio = 1.5 }, detail = { modularity = found } }
  local values = {}
  add_values(bench, values, work, found, peers, "modularity")
  show_values(bench, ("modularity, median of %d seeds"):format(options.seeds), values)
end

return graphs
