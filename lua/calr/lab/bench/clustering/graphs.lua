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
    aim = { ratio = 3 }, detail = { codelength = found } }
  local ours = bench.median(found)
  lengths[#lengths + 1] = { work, "calr", ours, spread(found) }
  for _, peer in ipairs(peers) do
    local theirs = peer.answer and peer.answer.codelength
    if theirs and #theirs > 0 then
      local least, most = spread(theirs)
      lengths[#lengths + 1] = { work, peer.name, bench.median(theirs), least, most,
        100 * (ours / bench.median(theirs) - 1) }
    end
  end
end

--- calr.lab.bench.clustering.graphs.infomap(bench, options)
--- Measures Infomap on given neighbours: the graph, the flow and one search. The peer's time is that of its run()
--- alone, links already added.
function graphs.infomap(bench, options)
  local near = neighbours(options)
  local files <close> = data.files { indices = near.indices, similarities = near.similarities }
  local lengths = {}
  for _, levels in ipairs { "two", "many" } do search(bench, options, near, files, levels, lengths) end
  local records = {}
  for i, row in ipairs(lengths) do
    records[i] = { work = row[1], program = row[2], median = row[3], least = row[4], most = row[5],
      difference = row[6] }
  end
  local function length(head) return { head, format = "%.4f", align = "right" } end
  bench.table { title = ("bits a step, median of %d seeds"):format(options.seeds), records = records, rows = lengths,
    columns = { "work", "program", length "median", length "least", length "most",
      { "calr against it", format = "%+.3f %%", align = "right" } } }
end

--- calr.lab.bench.clustering.graphs.leiden(bench, options)
--- Measures Leiden on the same graph. The field has no usual program to compare with.
function graphs.leiden(bench, options)
  local near = neighbours(options)
  local _, info = cluster.leiden(near, { min_similarity = LEAST })
  local time = bench.time(function() cluster.leiden(near, { min_similarity = LEAST }) end, { single = true })
  bench.row { work = ("Leiden, modularity, %d links"):format(info.edges), time = time }
end

return graphs
