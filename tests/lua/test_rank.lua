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

check.test("rules of what is ignored", function()
  local function first(ignore)
    return rank.evaluate(line({ -1, 7, 3, 7, 7 }, { 2, 1, 1, 2, 2 }, { ignore = ignore, per_query = true }))
      .first_match:get(1)
  end
  check.equal(first(nil), 2) -- junk and the match of the own camera are gone, the stranger is not
  check.equal(first("own"), 2)
  check.equal(first("camera"), 1)
  check.equal(first("junk"), 1)
  local function list(ignore)
    return rank.topk(line({ -1, 7, 3, 7 }, { 2, 1, 1, 2 }, { ignore = ignore, k = 3 })).indices:totable()[1]
  end
  check.all_near(list "own", { 2, 3, -1 }, 0)
  check.all_near(list "camera", { 3, -1, -1 }, 0)
  check.all_near(list "junk", { 1, 2, 3 }, 0)
  check.fails("there are: own, camera, junk", rank.topk, line({ 7 }, nil, { ignore = "all" }))
end)

-- Means over all ways to draw one entry of each identity, each as likely as the others.
local function enumerate(gallery_ids)
  local groups, order = {}, {}
  for row, id in ipairs(gallery_ids) do
    local key = id == 0 and "distractor " .. row or id
    if id ~= -1 then
      if not groups[key] then
        groups[key] = {}
        order[#order + 1] = key
      end
      table.insert(groups[key], row)
    end
  end
  local total, ap, top1 = 0, 0, 0
  local function draw(g, chosen)
    if g > #order then
      local position = 1
      for key, row in pairs(chosen) do
        if key ~= 7 and row < chosen[7] then position = position + 1 end
      end
      total, ap, top1 = total + 1, ap + 1 / position, top1 + (position == 1 and 1 or 0)
      return
    end
    for _, row in ipairs(groups[order[g]]) do
      chosen[order[g]] = row
      draw(g + 1, chosen)
    end
    chosen[order[g]] = nil
  end
  draw(1, {})
  return ap / total, top1 / total
end

check.test("single-shot: the mean over all draws", function()
  for _, ids in ipairs { { 3, 7, 3, 7, 2, 2, 7, 3 }, { 0, 7, 2, 0, 7, 2, 2 }, { -1, 2, 7, 7, 2, -1, 5, 5, 5, 7 } } do
    local ap, top1 = enumerate(ids)
    local got = rank.evaluate(line(ids, nil, { shots = "single", repeats = 10000, seed = 3 }))
    check.near(got.mAP, ap, 0.015)
    check.near(got.mINP, got.mAP, 0)
    check.near(got.cmc[1], top1, 0.02)
    check.near(got.cmc[20], 1, 1e-9)
    check.equal(got.valid, 1)
  end
  local ids = { 3, 7, 2, 4 } -- one entry of each: nothing to draw
  local single, multi = rank.evaluate(line(ids, nil, { shots = "single" })), rank.evaluate(line(ids))
  check.near(single.mAP, multi.mAP, 1e-12)
  check.all_near(single.cmc, multi.cmc, 1e-12)
  local r = rng.open { seed = 5 }
  local options = { query = r:fill_normal(T.zeros { 40, 4 }), gallery = r:fill_normal(T.zeros { 300, 4 }),
    shots = "single", per_query = true }
  local q, g = {}, {}
  for i = 1, 40 do q[i] = i % 11 + 1 end
  for i = 1, 300 do g[i] = r:integer(-1, 11) end
  options.query_ids, options.gallery_ids = T(q, "i32"), T(g, "i32")
  local one, same = rank.evaluate(options), rank.evaluate(options)
  check.ok(one.average_precision:equal(same.average_precision))
  options.seed = 1
  check.ok(not one.average_precision:equal(rank.evaluate(options).average_precision))
  check.fails("\"repeats\"", rank.evaluate, line({ 7 }, nil, { repeats = 0 }))
  check.fails("none of the 1 queries", rank.evaluate, line({ 2 }, nil, { shots = "single" }))
end)

check.test("lists of parts join to those of the whole", function()
  local r = rng.open { seed = 8 }
  local query, gallery = r:fill_normal(T.zeros { 20, 5 }), r:fill_normal(T.zeros { 230, 5 })
  for c = 1, 5 do gallery:set(150, c, gallery:get(20, c)) end -- the same distance in two parts
  local whole = rank.topk { query = query, gallery = gallery, k = 25 }
  local lists
  for first = 0, 229, 10 do
    local part = gallery:narrow(1, first + 1, 10):contiguous()
    local found = rank.topk { query = query, gallery = part, k = 25 }
    lists = lists and rank.merge(lists, found, first) or found
  end
  check.ok(lists.indices:equal(whole.indices))
  check.ok(lists.distances:equal(whole.distances))
  local short = rank.topk { query = query, gallery = gallery:narrow(1, 1, 9):contiguous(), k = 12 }
  rank.merge(short, rank.topk { query = query, gallery = gallery:narrow(1, 10, 1):contiguous(), k = 1 }, 9)
  check.equal(short.indices:get(1, 10) >= 0, true)
  check.equal(short.indices:get(1, 11), -1)
  check.equal(short.distances:get(1, 11), math.huge)
  check.fails("the same queries", rank.merge, short, rank.topk { query = T.zeros { 1, 5 }, gallery = gallery }, 0)
  check.fails("cannot be numbered", rank.merge, short, whole, 2 ^ 31 - 5 | 0)
  check.fails("\"distances\" is missing", rank.merge, short, { indices = short.indices }, 0)
end)

check.test("golden query expansion: average and alpha, and what it does to the figures", function()
  local found = 0
  for _, case in ipairs(golden) do
    for _, want in ipairs(case.expanded or {}) do
      local o = tensors(case)
      local gallery = o.gallery
      check.all_near(rank.expand { query = gallery, gallery = gallery, k = want.k, alpha = want.alpha },
        want.gallery, 2e-6)
      o.query = rank.expand { query = o.query, gallery = gallery, k = want.k, alpha = want.alpha }
      check.all_near(o.query, want.query, 2e-6)
      local got = rank.evaluate(o)
      check.near(got.mAP, want.result.mAP, 1e-8)
      check.all_near(got.cmc, want.result.cmc, 1e-8)
      found = found + 1
    end
  end
  check.equal(found, 8)
end)

check.test("query expansion by its definition", function()
  local ops = require "calr.tensor"
  local r = rng.open { seed = 9 }
  local query = ops.l2_normalize(r:fill_normal(T.zeros { 30, 8 }))
  local gallery = ops.l2_normalize(r:fill_normal(T.zeros { 90, 8 }))
  local function plain(q, g, k, alpha, same)
    local out = {}
    for i, row in ipairs(q) do
      local near = {}
      for j, other in ipairs(g) do
        local dot = 0
        for c = 1, 8 do dot = dot + row[c] * other[c] end
        if not (same and i == j) then near[#near + 1] = { dot = dot, row = other } end
      end
      table.sort(near, function(a, b) return a.dot > b.dot end)
      local sum, length = { table.unpack(row) }, 0
      for p = 1, math.min(k, #near) do
        local weight = math.max(0, near[p].dot) ^ alpha
        for c = 1, 8 do sum[c] = sum[c] + weight * near[p].row[c] end
      end
      for c = 1, 8 do length = length + sum[c] ^ 2 end
      for c = 1, 8 do sum[c] = sum[c] / length ^ .5 end
      out[i] = sum
    end
    return out
  end
  for _, setting in ipairs { { 10, 3 }, { 1, 0 }, { 5, 0 }, { 500, 2 } } do
    local k, alpha = setting[1], setting[2]
    check.all_near(rank.expand { query = query, gallery = gallery, k = k, alpha = alpha },
      plain(query:totable(), gallery:totable(), k, alpha), 1e-5)
    check.all_near(rank.expand { query = gallery, gallery = gallery, k = k, alpha = alpha },
      plain(gallery:totable(), gallery:totable(), k, alpha, true), 1e-5)
  end
  check.all_near(rank.expand { query = query, gallery = T.zeros { 0, 8 } }, query, 1e-6)
  local one = query:narrow(1, 1, 1):contiguous()
  check.all_near(rank.expand { query = one, gallery = one }, one, 1e-6)
  check.equal(rank.expand({ query = T.zeros { 0, 8 }, gallery = gallery }):size(1), 0)
  check.fails("needs unit features", rank.expand, { query = query * 2, gallery = gallery })
  check.fails("\"alpha\"", rank.expand, { query = query, gallery = gallery, alpha = -1 })
  local broken = gallery:clone()
  broken:set(3, 1, 0 / 0)
  check.fails("row 2", rank.expand, { query = query, gallery = broken })
end)

check.finish()
