--- @module datasets.msmt17
--- MSMT17 (Wei et al., "Person Transfer GAN to Bridge Domain Gap for Person Re-Identification", CVPR 2018), both
--- versions: V1 with the folders train and test, V2 (faces blurred) with mask_train_v2 and mask_test_v2;
--- list_train.txt, list_val.txt, list_query.txt and list_gallery.txt name the images, as
--- "0000/0000_000_01_0303morning_0015_0.jpg 0": the person's folder, then person 0, its image 0, camera 1 (of 1 to
--- 15), when it was taken; last the identity. The images of list_val.txt are training images, as in all published
--- figures (32,621).
---
--- Also as it is passed on with three folders like those of Market-1501, and names like 0000_c1_0001.jpg or the
--- original ones. Identities begin at 0, which means "no person" in a gallery: each is one more here.

local layout = require "calr.data.layout"
local sys = require "calr.sys"

local lists = { { "list_train.txt", "train", 1 }, { "list_val.txt", "train", 1 }, { "list_query.txt", "query", 2 },
  { "list_gallery.txt", "gallery", 2 } }
local versions = { { "train", "test" }, { "mask_train_v2", "mask_test_v2" } }

-- The camera of an original name, from 0.
local function camera_of(name)
  local camera = tonumber(name:match "^%d+_%d+_(%d+)_[^/]*$")
  return camera and camera >= 1 and math.tointeger(camera) - 1 or nil
end

local function parse(name)
  local identity, camera = name:match "^(%d+)_c(%d+)_.*%.[jJ][pP][eE]?[gG]$"
  if identity then camera = math.tointeger(tonumber(camera)) - 1 else camera = camera_of(name) end
  identity = math.tointeger(tonumber(identity or name:match "^(%d+)_"))
  if not identity or not camera then
    return nil, "names are IDENTITY_cCAMERA_NUMBER.jpg or IDENTITY_NUMBER_CAMERA_TIME.jpg"
  end
  if camera < 0 then return nil, "cameras count from 1" end
  return identity + 1, camera
end

local boxes = layout.folders {
  name = "msmt17",
  folders = { { "bounding_box_train", "train" }, { "query", "query" }, { "bounding_box_test", "gallery" } },
  example = "0000_c1_0001.jpg",
  parse = parse,
}

local function of_list(folder, list, inside, records)
  local added = {}
  for number, line in ipairs(layout.lines(folder .. "/" .. list[1])) do
    local path, identity = line:match "^(.-)%s+(%d+)$"
    local camera = path and camera_of(path:match "[^/]*$")
    if not camera then
      layout.fail("%s/%s:%d: a line is \"0000/0000_000_01_0303morning_0015_0.jpg 0\", not \"%s\"", folder, list[1],
        number, line)
    end
    path = inside .. "/" .. path
    added[number] = { file = folder .. "/" .. path, path = path, identity = math.tointeger(tonumber(identity)) + 1,
      camera = camera, split = list[2] }
  end
  layout.check_files(added, folder .. "/" .. list[1])
  table.move(added, 1, #added, #records + 1, records)
end

local function from_lists(folder)
  local version = sys.is_folder(folder .. "/mask_train_v2") and versions[2] or versions[1]
  local wanted = { version[1], version[2] }
  for _, list in ipairs(lists) do wanted[#wanted + 1] = list[1] end
  folder = layout.check_folder(folder, "msmt17", wanted)
  local records = {}
  for _, list in ipairs(lists) do of_list(folder, list, version[list[3]], records) end
  return records
end

return {
  name = "msmt17",
  summary = "MSMT17, V1 or V2, by its lists or as three folders",
  expected = { title = "MSMT17", train = { images = 32621, identities = 1041 },
    query = { images = 11659, identities = 3060 }, gallery = { images = 82161, identities = 3060 } },
  records = function(folder)
    if sys.is_folder(folder .. "/bounding_box_train") then return boxes(folder) end
    return from_lists(folder)
  end,
}
