-- calr.batches: what the batches are made of.
local check = require "check"
local T, S = require "calr.tensor", require "calr.batches"

-- 6 clusters of 8 images in 4 cameras, one cluster of one camera, one single image, two outliers.
local labels, cameras = {}, {}
for k = 0, 5 do
  for i = 0, 7 do
    labels[#labels + 1], cameras[#cameras + 1] = k, i % 4
  end
end
for _ = 1, 6 do labels[#labels + 1], cameras[#cameras + 1] = 6, 2 end
labels[#labels + 1], cameras[#cameras + 1] = 7, 0
for _ = 1, 2 do labels[#labels + 1], cameras[#cameras + 1] = -1, 1 end

local function draw(options)
  options.labels, options.cameras = T(labels, "i32"), T(cameras, "i32")
  return S.cross_camera(options)
end

check.test("singles = \"shift\": a cluster of one image gives one row and moves the groups behind it", function()
  local order, batch = draw { clusters = 4, instances = 4, iterations = 8, seed = 3, singles = "shift" }
  check.equal(batch, 16)
  check.equal(order:numel(), 128)
  local rows, at, singles = order:totable(), 1, 0
  while at <= 125 do -- groups of four rows of one cluster, or the single row
    local cluster = labels[rows[at] + 1]
    if cluster == 7 then
      at, singles = at + 1, singles + 1
    else
      for i = 1, 3 do check.equal(labels[rows[at + i] + 1], cluster) end
      at = at + 4
    end
  end
  check.equal(singles, 4) -- 8 batches of 4 groups, 8 clusters a round
  local none, zero = S.cross_camera { labels = T({ 0, 1 }, "i32"), cameras = T({ 0, 1 }, "i32"), singles = "shift" }
  check.equal(none:numel() + zero, 0)
  check.fails("singles must be \"skip\", \"gather\" or \"shift\", not drop", draw, { singles = "drop" })
end)

check.test("batches are P clusters x K images, never an outlier or a single", function()
  local order, batch = draw { clusters = 4, instances = 4, iterations = 30, seed = 3 }
  check.equal(batch, 16)
  check.equal(order:numel(), 480)
  local rows = order:totable()
  for b = 0, 29 do
    local seen = {}
    for p = 0, 3 do
      local first = rows[b * 16 + p * 4 + 1] + 1
      check.ok(labels[first] >= 0 and labels[first] ~= 7)
      check.ok(not seen[labels[first]], "a cluster twice in a batch")
      seen[labels[first]] = true
      local distinct = {}
      for i = 1, 3 do
        local other = rows[b * 16 + p * 4 + 1 + i] + 1
        check.equal(labels[other], labels[first])
        check.ok(not distinct[other], "an image twice although there are enough")
        distinct[other] = true
        if labels[first] == 6 then
          check.ok(other ~= first)
        else
          check.ok(cameras[other] ~= cameras[first], "an image of the first one's camera")
        end
      end
    end
  end
end)

check.test("every cluster comes before any comes again", function()
  local order = draw { clusters = 7, instances = 2, iterations = 3 }:totable()
  for b = 0, 2 do
    local seen = {}
    for p = 0, 6 do seen[labels[order[b * 14 + p * 2 + 1] + 1]] = true end
    for k = 0, 6 do check.ok(seen[k]) end
  end
end)

check.test("the order is a matter of seed and epoch", function()
  local a = draw { iterations = 5, seed = 1, epoch = 2 }
  check.ok(a:equal((draw { iterations = 5, seed = 1, epoch = 2 })))
  check.ok(not a:equal((draw { iterations = 5, seed = 1, epoch = 3 })))
  check.ok(not a:equal((draw { iterations = 5, seed = 2, epoch = 2 })))
end)

check.test("few clusters, few images, none", function()
  local order, batch = S.cross_camera { labels = T({ 0, 0, -1 }, "i32"), cameras = T({ 0, 1, 0 }, "i32"),
    clusters = 16, instances = 4, iterations = 2 }
  check.equal(batch, 4)
  check.equal(order:numel(), 8)
  local none, zero = S.cross_camera { labels = T({ -1, 0 }, "i32"), cameras = T({ 0, 0 }, "i32"), iterations = 2 }
  check.equal(none:numel() + zero, 0)
end)

check.test("shuffled is a permutation", function()
  local seen = {}
  for _, row in ipairs(S.shuffled { count = 50, seed = 1 }:totable()) do seen[row] = true end
  for row = 0, 49 do check.ok(seen[row]) end
end)

check.test("singles are gathered, different ones in the place of a cluster, where it is asked for", function()
  local many, of = {}, {}
  for i = 1, 8 do many[i], of[i] = (i - 1) // 4, i % 2 end
  for i = 9, 18 do many[i], of[i] = i, i % 2 end
  local function rows(singles, iterations)
    local order, batch = S.cross_camera { labels = T(many, "i32"), cameras = T(of, "i32"), clusters = 5, instances = 4,
      iterations = iterations, singles = singles, seed = 2 }
    return order:totable(), batch
  end
  local list, batch = rows("gather", 3)
  check.equal(batch, 20) -- two clusters and three groups of the ten singles
  for b = 0, 2 do
    local drawn = {}
    for i = 1, batch do drawn[list[b * batch + i]] = true end
    for row = 8, 17 do check.ok(drawn[row], "a single was not drawn") end
  end
  for p = 0, 14 do
    local group = { table.unpack(list, p * 4 + 1, p * 4 + 4) }
    local distinct, count = {}, 0
    for _, row in ipairs(group) do
      check.equal(row < 8, group[1] < 8, "a group is of a cluster or of singles")
      if not distinct[row] then distinct[row], count = true, count + 1 end
    end
    if group[1] >= 8 then check.equal(count, 4) end
  end
  local skipped, small = rows("skip", 3)
  check.equal(small, 8)
  for _, row in ipairs(skipped) do check.ok(row < 8) end
  check.fails("singles must be", rows, "all", 1)
end)

check.test("shuffled batches: every image in each round", function()
  local order, batch = S.shuffled { count = 7, batch = 3, iterations = 5, seed = 4 }
  check.equal(batch, 3)
  check.equal(order:numel(), 15)
  local once = S.shuffled { count = 7, seed = 4 }
  check.all_near(order:narrow(1, 1, 7):contiguous(), once, 0)
  for round = 0, 1 do
    local seen = {}
    for i = 1, 7 do seen[order:get(round * 7 + i)] = true end
    for row = 0, 6 do check.ok(seen[row]) end
  end
  local _, whole = S.shuffled { count = 3, batch = 8, iterations = 2 }
  check.equal(whole, 3)
end)

check.finish()
