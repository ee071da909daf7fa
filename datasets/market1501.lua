--- @module datasets.market1501
--- Market-1501 (Zheng et al., "Scalable Person Re-identification: A Benchmark", ICCV 2015), and data sets of the same
--- layout: three folders of JPEG files with names like 0002_c1s1_000451_03.jpg: identity 2, camera 1 (of 1 to 6),
--- sequence 1, frame 451, box 3.
---
--- In bounding_box_test, -1 marks junk (a box with too little of a person to count for or against a ranking) and 0000
--- distractors (a box without any person of the query). Both are kept with these identities.

local layout = require "calr.data.layout"

-- Some names of the original end in ".jpg.jpg".
local pattern = "^(%-?%d+)_c(%d+)s%d+_%d+_%d+%.[jJ][pP][eE]?[gG]$"

local function parse(name)
  local identity, camera = name:gsub("%.jpg%.jpg$", ".jpg"):match(pattern)
  identity, camera = math.tointeger(tonumber(identity)), math.tointeger(tonumber(camera))
  if not identity or identity < -1 then return nil, "names are IDENTITY_cCAMERAsSEQUENCE_FRAME_BOX.jpg" end
  if camera < 1 then return nil, "cameras count from 1" end
  return identity, camera - 1
end

return {
  name = "market1501",
  summary = "Market-1501 and data sets of the same layout",
  expected = { title = "Market-1501", train = { images = 12936, identities = 751 },
    query = { images = 3368, identities = 750 }, gallery = { images = 19732, identities = 750 } },
  parse = parse,
  records = layout.folders {
    name = "market1501",
    folders = { { "bounding_box_train", "train" }, { "query", "query" }, { "bounding_box_test", "gallery" } },
    example = "0002_c1s1_000451_03.jpg",
    parse = parse,
  },
}
