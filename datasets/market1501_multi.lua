--- @module datasets.market1501_multi
--- Market-1501 with what its multi-query protocol needs: the images of gt_bbox that show a query's person by the
--- query's camera, drawn by hand, become the split "multi". The rest of gt_bbox is left out.

local layout = require "calr.data.layout"

local here = debug.getinfo(1, "S").source:match "^@(.*/)" or "./"
local market = dofile(here .. "market1501.lua")

local expected = { multi = { images = 12688, identities = 750 } }
for name, value in pairs(market.expected) do expected[name] = value end

local all = layout.folders {
  name = "market1501_multi",
  folders = { { "bounding_box_train", "train" }, { "query", "query" }, { "bounding_box_test", "gallery" },
    { "gt_bbox", "multi" } },
  example = "0002_c1s1_000451_03.jpg",
  parse = market.parse,
}

local function seen_by(record) return ("%d by %d"):format(record.identity, record.camera) end

return {
  name = "market1501_multi",
  summary = "the same with gt_bbox, for multi-query evaluation",
  expected = expected,
  records = function(folder)
    local kept, wanted, records = {}, {}, all(folder)
    for _, record in ipairs(records) do
      if record.split == "query" then wanted[seen_by(record)] = true end
    end
    for _, record in ipairs(records) do
      if record.split ~= "multi" or wanted[seen_by(record)] then kept[#kept + 1] = record end
    end
    return kept
  end,
}
