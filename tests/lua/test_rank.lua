-- calr.rank: against plain definitions on full sorted lists; junk, ties, lists; errors.
local check = require "check"
local T = require "calr.tensor"
local rank = require "calr.rank"
local rng = require "calr.rng"

local golden = dofile(os.getenv "CALR_TEST_REFERENCE" .. "/rank/golden.lua")

local function tensors(case)
  local function ids(name) return case[name] and T(case[name], "i32") end
  return {
    query = T(case.query), gallery = T(case.gallery),
    query_ids = ids "query_ids", gallery_ids = ids "gallery_ids",
    query_cameras = ids "query_cameras", gallery_cameras = ids "gallery_cameras",
  }
end

for number, case in ipairs(golden) do
  for _, ap in ipairs { "step", "trapezoid" } do
    check.test(("golden case %d, %s"):format(number, ap), function()
      local options = tensors(case)
      options.ap, options.per_query = ap, true
      local got, want = rank.evaluate(options), case[ap]
      check.near(got.mAP, want.mAP, 1e-8)
      check.near(got.mINP, want.mINP, 1e-8)
      check.equal(got.valid, want.valid)
      check.all_near(got.cmc, want.cmc, 1e-8)
      check.all_near(got.average_precision, want.average_precision, 1e-6)
      check.all_near(got.first_match, want.first_match, 0)
    end)
  end
end

for number, case in ipairs(golden) do
  if case.rerank then
    check.test(("golden case %d, re-ranked"):format(number), function()
      local options = tensors(case)
      options.rerank, options.per_query = case.rerank, true
      local got, want = rank.evaluate(options), case.reranked
      check.near(got.mAP, want.mAP, 1e-8)
      check.near(got.mINP, want.mINP, 1e-8)
      check.all_near(got.average_precision, want.average_precision, 1e-6)
      check.all_near(got.first_match, want.first_match, 0)
      local list = rank.topk {
        query = options.query, gallery = options.gallery, rerank = case.rerank, k = #case.gallery,
      }
      local indices, distances = list.indices:totable(), list.distances:totable()
      for i, row in ipairs(case.reranked_distance) do
        for r = 1, #row do check.near(distances[i][r], row[indices[i][r] + 1], 2e-6) end
      end
    end)
  end
end

-- One query at 0 and a gallery on a line at 1, 2, 3, ...: the order is known.
local function line(gallery_ids, gallery_cameras, options)
  local points = {}
  for i = 1, #gallery_ids do points[i] = { i } end
  local all = {
    query = T { { 0 } }, gallery = T(points), query_ids = T({ 7 }, "i64"), gallery_ids = T(gallery_ids, "i64"),
    query_cameras = gallery_cameras and T({ 1 }, "i64"),
    gallery_cameras = gallery_cameras and T(gallery_cameras, "i64"),
  }
  for key, value in pairs(options or {}) do all[key] = value end
  return all
end

check.test("both averages by hand", function()
  local step = rank.evaluate(line { 0, 7, 3, 7 })
  check.near(step.mAP, (1 / 2 + 2 / 4) / 2, 1e-12)
  check.near(step.mINP, 2 / 4, 1e-12)
  check.all_near({ table.unpack(step.cmc, 1, 3) }, { 0, 1, 1 }, 0)
  local trapezoid = rank.evaluate(line({ 0, 7, 3, 7 }, nil, { ap = "trapezoid" }))
  check.near(trapezoid.mAP, ((1 / 2 + 0) / 2 + (2 / 4 + 1 / 3) / 2) / 2, 1e-12)
end)

check.test("junk and the query's own camera are not there, distractors are", function()
  local got = rank.evaluate(line({ -1, 7, 0, 7, -1 }, { 1, 1, 2, 2, 3 }))
  check.near(got.mAP, 1 / 2, 1e-12)
  check.near(got.cmc[1], 0, 0)
  check.near(rank.evaluate(line { -1, 7, 0, 7, -1 }).cmc[1], 1, 0)
end)

check.test("the table of ranks has the length asked for", function()
  check.equal(#rank.evaluate(line { 7 }).cmc, 20)
  local got = rank.evaluate(line({ 0, 0, 7 }, nil, { max_rank = 2 }))
  check.all_near(got.cmc, { 0, 0 }, 0)
  check.equal(got.average_precision, nil)
end)

check.test("queries without a match are left out; none left is an error", function()
  local got = rank.evaluate {
    query = T { { 0 }, { 1 } }, gallery = T { { 0 }, { 1 } }, per_query = true,
    query_ids = T({ 5, 6 }, "i32"), gallery_ids = T({ 4, 6 }, "i32"),
  }
  check.equal(got.valid, 1)
  check.near(got.mAP, 1, 0)
  check.all_near(got.average_precision, { -1, 1 }, 0)
  check.all_near(got.first_match, { -1, 1 }, 0)
  check.fails("none of the 1 queries has a match", rank.evaluate, line { 1, 2 })
  check.fails("from another camera", rank.evaluate, line({ 7, 2 }, { 1, 1 }))
  check.fails("none of the 1 queries", rank.evaluate, line({}, nil, { gallery = T.zeros { 0, 1 } }))
  check.fails("none of the 0 queries", rank.evaluate,
    line({ 7 }, nil, { query = T.zeros { 0, 1 }, query_ids = T({}, "i64") }))
end)

check.test("lists", function()
  local options = line({ -1, 7, 0, 7, -1 }, { 1, 1, 2, 2, 3 })
  options.k = 3
  local got = rank.topk(options)
  check.all_near(got.indices, { { 2, 3, -1 } }, 0)
  check.near(got.distances:get(1, 2), 4, 0)
  check.equal(got.distances:get(1, 3), math.huge)
  local plain = rank.topk { query = T { { 2.6 }, { 9 } }, gallery = T { { 1 }, { 3 }, { 3 }, { 2 } }, k = 3 }
  check.all_near(plain.indices, { { 1, 2, 3 }, { 1, 2, 3 } }, 0)
  check.all_near(plain.distances, { { 0.4, 0.4, 0.6 }, { 6, 6, 7 } }, 1e-6)
  check.all_near(rank.topk { query = T { { 0 } }, gallery = T.zeros { 0, 1 }, k = 2 }.indices, { { -1, -1 } }, 0)
end)

check.test("lists agree with evaluation", function()
  local r = rng.open { seed = 3, purpose = "test" }
  local query, gallery = r:fill_normal(T.zeros { 150, 16 }), r:fill_normal(T.zeros { 700, 16 })
  local qi, gi = {}, {}
  for i = 1, 150 do qi[i] = r:integer(1, 9) end
  for i = 1, 700 do gi[i] = r:integer(-1, 9) end
  local options = { query = query, gallery = gallery, query_ids = T(qi, "i32"), gallery_ids = T(gi, "i32") }
  options.k = 700
  local list = rank.topk(options).indices:totable()
  options.k, options.per_query = nil, true
  local got = rank.evaluate(options)
  local ap = got.average_precision:totable()
  for i = 1, 150 do
    local hits, sum = 0, 0
    for r1 = 1, 700 do
      if list[i][r1] >= 0 and gi[list[i][r1] + 1] == qi[i] then
        hits = hits + 1
        sum = sum + hits / r1
      end
    end
    check.near(ap[i], sum / hits, 1e-6)
  end
end)

check.test("re-ranking: usual settings, small and odd sets, errors", function()
  local case = golden[1]
  local options = tensors(case)
  options.rerank = true
  check.near(rank.evaluate(options).mAP, case.reranked.mAP, 1e-8)
  options.rerank = false
  check.near(rank.evaluate(options).mAP, case.step.mAP, 1e-8)
  local one = { query = T { { 1, 0 } }, gallery = T { { 0, 1 } }, k = 3, rerank = true }
  check.all_near(rank.topk(one).indices, { { 0, -1, -1 } }, 0)
  one.gallery = T { { 1, 0 }, { 1, 0 } }
  check.all_near(rank.topk(one).indices, { { 0, 1, -1 } }, 0)
  one.gallery = T.zeros { 0, 2 }
  check.all_near(rank.topk(one).indices, { { -1, -1, -1 } }, 0)
  one.gallery = T { { 0, 2 } }
  check.fails("row 0 (counted from 0) of the gallery features has length 2", rank.topk, one)
  one.rerank = "yes"
  check.fails("option \"rerank\" must be true, false or a table", rank.topk, one)
  one.rerank = { k3 = 1 }
  check.fails("unknown option \"k3\"", rank.topk, one)
  one.rerank = { k1 = 4, k2 = 5 }
  check.fails("k2", rank.topk, one)
  one.rerank = { lambda = 2 }
  check.fails("lambda", rank.topk, one)
end)

check.test("errors", function()
  local function with(name, value)
    local options = line({ 7, 7 }, { 1, 2 })
    options[name] = value
    return options
  end
  check.fails("row 1 (counted from 0) of the gallery features holds NaN", rank.evaluate,
    with("gallery", T { { 0 }, { 0 / 0 } }))
  check.fails("row 0 (counted from 0) of the query features", rank.evaluate, with("query", T { { 1e30 } }))
  check.fails("of the query features", rank.topk, { query = T { { 1 / 0 } }, gallery = T { { 1 } } })
  check.fails("2 columns", rank.evaluate, with("query", T { { 0, 0 } }))
  check.fails("\"gallery_ids\" has 1 entries for 2 features", rank.evaluate, with("gallery_ids", T({ 1 }, "i32")))
  check.fails("must be i32[n] or i64[n]", rank.evaluate, with("gallery_ids", T { 1, 2 }))
  check.fails("cameras are needed for both", rank.evaluate, with("query_cameras", nil))
  check.fails("\"query_ids\" is missing", rank.evaluate, with("query_ids", nil))
  check.fails("identities are needed for both", rank.topk,
    { query = T { { 1 } }, gallery = T { { 1 } }, query_ids = T({ 1 }, "i32") })
  check.fails("cameras without identities", rank.topk, {
    query = T { { 1 } }, gallery = T { { 1 } }, query_cameras = T({ 1 }, "i32"), gallery_cameras = T({ 1 }, "i32"),
  })
  check.fails("no choice \"area\"", rank.evaluate, with("ap", "area"))
  check.fails("max_rank", rank.evaluate, with("max_rank", 0))
  check.fails("did you mean \"gallery\"", rank.evaluate, with("galery", 1))
end)

check.finish()
