--- @module calr.lab.bench.clustering.ranking
--- Rows of calr bench cluster: retrieval quality.

local data = require "calr.lab.bench.clustering.data"
local rank = require "calr.rank"

local ranking = {}

--- calr.lab.bench.clustering.ranking.ranking(bench, options)
--- Measures mean average precision and cumulative matches at the size of Market-1501, distances included.
function ranking.ranking(bench, options)
  local queries, gallery = 3368, 15913
  local x, ids, cameras = data.people { images = queries + gallery, dim = options.dim, each = 25, hard = options.hard }
  local rows = data.split(queries + gallery, queries)
  local first, rest = rows.first, rows.rest
  local set = { query = x:index_select(1, first), gallery = x:index_select(1, rest),
    query_ids = ids:index_select(1, first), gallery_ids = ids:index_select(1, rest),
    query_cameras = cameras:index_select(1, first), gallery_cameras = cameras:index_select(1, rest) }
  local files <close> = data.files(set)
  local memory = bench.memory()
  local result = rank.evaluate(set)
  local peak = memory()
  local peers <close> = bench.peer("rank_evaluate", data.options(files))
  bench.row { work = ("mAP + CMC, %d x %d x %d"):format(queries, gallery, options.dim), time = bench.time(function()
    rank.evaluate(set)
  end, { peers = peers, single = true, ["repeat"] = 3 }), memory = peak, flops = 2.0 * queries * gallery * options.dim,
    aim = { seconds = 0.5 }, detail = { mAP = result.mAP, rank1 = result.cmc[1] } }
  for _, peer in ipairs(peers) do
    local theirs = peer.answer and peer.answer.mAP
    if theirs and math.abs(theirs - result.mAP) > 1e-5 then
      bench.note(("%s has an mAP of %.6f, calr of %.6f"):format(peer.name, theirs, result.mAP))
    end
  end
end

return ranking
