--- @module datasets.veri776
--- VeRi-776 (Liu et al., "A Deep Learning-Based Approach to Progressive Vehicle Re-identification for Urban
--- Surveillance", ECCV 2016): names like 0001_c001_00016450_0.jpg, vehicle 1, camera 1 (of 1 to 20). name_train.txt,
--- name_query.txt and name_test.txt list the images; where they are absent, all images of the three folders count.
--- train_label.xml and test_label.xml have the labels once more: where they are there, they must agree with the names.

local layout = require "calr.data.layout"
local sys = require "calr.sys"

local parts = { { "image_train", "train", "name_train.txt", "train_label.xml" },
  { "image_query", "query", "name_query.txt", "test_label.xml" },
  { "image_test", "gallery", "name_test.txt", "test_label.xml" } }

local function parse(name)
  local identity, camera = name:match "^(%d+)_c(%d+)_%d+_%d+%.[jJ][pP][eE]?[gG]$"
  identity, camera = math.tointeger(tonumber(identity)), math.tointeger(tonumber(camera))
  if not identity then return nil, "names are VEHICLE_cCAMERA_FRAME_NUMBER.jpg" end
  if camera < 1 then return nil, "cameras count from 1" end
  return identity, camera - 1
end

local scan = layout.folders {
  name = "veri776",
  folders = { { "image_train", "train" }, { "image_query", "query" }, { "image_test", "gallery" } },
  example = "0001_c001_00016450_0.jpg",
  parse = parse,
}

-- The attributes are in any order; cameras are written as c001.
local function labels_of(path)
  local found = {}
  for item in sys.read_file(path):gmatch "<Item%s+(.-)/?>" do
    local name = item:match "imageName%s*=%s*[\"']([^\"']*)"
    local identity, camera = item:match "vehicleID%s*=%s*[\"'](%d+)", item:match "cameraID%s*=%s*[\"']c?(%d+)"
    if name and identity and camera then
      found[name] = { math.tointeger(tonumber(identity)), math.tointeger(tonumber(camera)) - 1 }
    end
  end
  return found
end

local function check_labels(records, path)
  local labels = labels_of(path)
  for _, record in ipairs(records) do
    local label = labels[record.path:match "[^/]*$"]
    if label and (label[1] ~= record.identity or label[2] ~= record.camera) then
      layout.fail("%s says vehicle %d and camera %d of %s: its name says something else", path, label[1], label[2] + 1,
        record.path)
    end
  end
end

local function listed(folder, part)
  local records = {}
  for i, name in ipairs(layout.lines(folder .. "/" .. part[3])) do
    local identity, camera = parse(name)
    if not identity then
      layout.fail("%s/%s: \"%s\" is not named like 0001_c001_00016450_0.jpg", folder, part[3], name)
    end
    local path = part[1] .. "/" .. name
    records[i] = { file = folder .. "/" .. path, path = path, identity = identity, camera = camera, split = part[2] }
  end
  layout.check_files(records, folder .. "/" .. part[3])
  return records
end

return {
  name = "veri776",
  summary = "VeRi-776 (vehicles)",
  expected = { title = "VeRi-776", train = { images = 37778, identities = 576 },
    query = { images = 1678, identities = 200 }, gallery = { images = 11579, identities = 200 } },
  records = function(folder)
    folder = layout.check_folder(folder, "veri776", { "image_train", "image_query", "image_test" })
    local has_lists = true
    for _, part in ipairs(parts) do has_lists = has_lists and sys.exists(folder .. "/" .. part[3]) end
    local all = not has_lists and scan(folder)
    local records = {}
    for _, part in ipairs(parts) do
      local own = has_lists and listed(folder, part) or {}
      for _, record in ipairs(all or {}) do
        if record.split == part[2] then own[#own + 1] = record end
      end
      if sys.exists(folder .. "/" .. part[4]) then check_labels(own, folder .. "/" .. part[4]) end
      table.move(own, 1, #own, #records + 1, records)
    end
    return records
  end,
}
