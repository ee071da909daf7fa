--- @module datasets.personx
--- PersonX (Sun and Zheng, "Dissecting Person Re-identification from the Viewpoint of Viewpoint", CVPR 2019), the
--- subset of six cameras with which unsupervised methods are compared: three folders as of Market-1501, names that
--- begin with IDENTITY_cCAMERA. Its cameras are the numbers 3, 4, 8, 10, 11 and 12.

local layout = require "calr.data.layout"

local function parse(name)
  local identity, camera = name:match "^(%-?%d+)_c(%d+)[^%d].*%.[jJ][pP][eE]?[gG]$"
  if not identity then identity, camera = name:match "^(%-?%d+)_c(%d+)[^%d].*%.[pP][nN][gG]$" end
  identity, camera = math.tointeger(tonumber(identity)), math.tointeger(tonumber(camera))
  if not identity or identity < -1 then return nil, "names begin with IDENTITY_cCAMERA" end
  if camera < 1 then return nil, "cameras count from 1" end
  return identity, camera - 1
end

return {
  name = "personx",
  summary = "PersonX, six cameras",
  expected = { title = "PersonX", train = { images = 9840, identities = 410 },
    query = { images = 5136, identities = 856 }, gallery = { images = 30816, identities = 856 } },
  records = layout.folders {
    name = "personx",
    folders = { { "bounding_box_train", "train" }, { "query", "query" }, { "bounding_box_test", "gallery" } },
    example = "0001_c3s1_000001.jpg",
    parse = parse,
  },
}
