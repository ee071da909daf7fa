--- @module calr.lab.bench.tsne
--- calr bench tsne: measures the layout of features in the plane (calr.embed) against openTSNE on the same rows.

local cluster = require "calr.cluster"
local config = require "calr.config"
local data = require "calr.lab.bench.clustering.data"
local embed = require "calr.embed"

local benchmark = {
  summary = "t-SNE of features (calr draw): time, divergence, neighbours kept; peer openTSNE",
  options = {
    images = config.option(12936, "rows", { 100 }),
    dim = config.option(2048, "dimension", { 1 }),
    perplexity = config.option(30.0, "about how many neighbours count", { 1 }),
    iterations = config.option(750, "after 250 exaggerated ones", { 1 }),
    k = config.option(10, "neighbours among the features that are looked for in the plane", { 1 }),
  },
}

local function neighbours(x, k)
  return cluster.knn(x, { k = k, metric = "euclidean", include_self = false }).indices
end

-- The share of the true neighbours that are neighbours in the plane.
local function kept(plane, truth)
  local k = truth:size(2)
  return neighbours(plane, k):unsqueeze(3):eq(truth:unsqueeze(2)):sum():item() / (truth:size(1) * k)
end

--- calr.lab.bench.tsne.rows(bench, options)
--- Prints a row for the layout, its exact neighbours included, and a table: the share of each row's nearest neighbours
--- that are its nearest in the plane, too.
function benchmark.rows(bench, options)
  local x = data.people { images = options.images, dim = options.dim }
  local truth = neighbours(x, options.k)
  local files <close> = data.files { x = x, truth = truth }
  local peers <close> = bench.peer("tsne", data.options(files, { perplexity = options.perplexity,
    iterations = options.iterations, k = options.k }))
  local plane, divergence
  local function run()
    plane, divergence = embed.tsne(x, { perplexity = options.perplexity, iterations = options.iterations,
      quiet = true })
  end
  local time = bench.time(run, { peers = peers, single = true, ["repeat"] = 3, warmup = 0 })
  bench.row { work = ("%d x %d, perplexity %g"):format(options.images, options.dim, options.perplexity), time = time,
    count = options.images, unit = "rows" }
  local rows = { { "calr", kept(plane, truth), divergence } }
  for _, peer in ipairs(peers) do
    local answer = peer.answer or {}
    if answer.kept then rows[#rows + 1] = { peer.name, answer.kept, answer.divergence } end
  end
  local records = {}
  for i, row in ipairs(rows) do records[i] = { program = row[1], kept = row[2], divergence = row[3] } end
  bench.table { title = ("of %d nearest neighbours"):format(options.k), records = records, rows = rows,
    columns = { "program", { "kept in the plane", format = "%.4f", align = "right" },
      { "divergence", format = "%.4f", align = "right" } } }
end

return benchmark
