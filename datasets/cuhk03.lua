--- @module datasets.cuhk03
--- CUHK03 (Li et al., "DeepReID", CVPR 2014) by the new protocol of 767 / 700 persons (Zhong et al., "Re-ranking
--- Person Re-identification with k-reciprocal Encoding", CVPR 2017), from its extracted PNG files: images_detected and
--- images_labeled with names like 1_001_1_01.png (pair of cameras, person, camera 1 or 2, image), beside
--- cuhk03_new_protocol_config_detected.mat or splits_new_detected.json, which say who is trained on; or as three
--- folders like those of Market-1501, with names that begin with IDENTITY_cCAMERA.

local json = require "calr.json"
local layout = require "calr.data.layout"
local mat = require "calr.data.mat"
local sys = require "calr.sys"

local totals = { detected = { 7365, 1400, 5332 }, labeled = { 7368, 1400, 5328 } }

local function expected_of(boxes)
  local t = totals[boxes]
  return { title = "CUHK03 (" .. boxes .. ", new protocol)", train = { images = t[1], identities = 767 },
    query = { images = t[2], identities = 700 }, gallery = { images = t[3], identities = 700 } }
end

local function parse(name)
  local identity, camera = name:match "^(%d+)_c(%d+)[^%d].*%.%a+$"
  identity, camera = math.tointeger(tonumber(identity)), math.tointeger(tonumber(camera))
  if not identity then return nil, "names begin with IDENTITY_cCAMERA" end
  if camera < 1 then return nil, "cameras count from 1" end
  return identity, camera - 1
end

local folders = layout.folders {
  name = "cuhk03",
  folders = { { "bounding_box_train", "train" }, { "query", "query" }, { "bounding_box_test", "gallery" } },
  example = "0001_c1_1.png",
  parse = parse,
}

-- The record of an image by its name, of the identity that the protocol gives it.
local function record_of(folder, images, name, identity, split, source)
  local camera = name:match "^%d+_%d+_([12])_%d+%.png$"
  if not camera or math.type(identity) ~= "integer" then
    layout.fail("%s names an image \"%s\", identity %s: names are like 1_001_1_01.png", source, name,
      tostring(identity))
  end
  local path = images .. "/" .. name
  return { file = folder .. "/" .. path, path = path, identity = identity, camera = tonumber(camera) - 1,
    split = split }
end

local function from_mat(folder, images, file)
  local source = folder .. "/" .. file
  local config, records = mat.load(source), {}
  for _, split in ipairs { "train", "query", "gallery" } do
    local rows = config[split .. "_idx"]
    if type(rows) ~= "table" or type(config.filelist) ~= "table" or type(config.labels) ~= "table" then
      layout.fail("%s lacks %s_idx, filelist or labels", source, split)
    end
    for _, row in ipairs(rows) do
      row = math.tointeger(row)
      records[#records + 1] = record_of(folder, images, tostring(config.filelist[row]),
        math.tointeger(config.labels[row]), split, source)
    end
  end
  return records
end

-- Paths are those of the machine that wrote the list: the names count.
local function from_json(folder, images, file)
  local source = folder .. "/" .. file
  local list, records = json.decode(sys.read_file(source)), {}
  for _, split in ipairs { "train", "query", "gallery" } do
    local part = type(list) == "table" and type(list[1]) == "table" and list[1][split]
    if type(part) ~= "table" then layout.fail("%s has no list \"%s\"", source, split) end
    for _, item in ipairs(part) do
      records[#records + 1] = record_of(folder, images, tostring(item[1]):match "[^/\\]*$", math.tointeger(item[2]),
        split, source)
    end
  end
  return records
end

return {
  name = "cuhk03",
  summary = "CUHK03, new protocol (--boxes detected or labeled)",
  options = { { "boxes", "detected (by a detector, the default) or labeled (by hand)", "detected" } },
  check = function(options)
    if not totals[options.boxes] then
      layout.fail("option \"boxes\" must be detected or labeled, not \"%s\"", tostring(options.boxes))
    end
  end,
  records = function(folder, options)
    local boxes = options and options.boxes or "detected"
    if sys.is_folder(folder .. "/bounding_box_train") then return folders(folder), expected_of(boxes) end
    local images, config = "images_" .. boxes, ("cuhk03_new_protocol_config_%s.mat"):format(boxes)
    local splits = ("splits_new_%s.json"):format(boxes)
    local has_json = not sys.exists(folder .. "/" .. config) and sys.exists(folder .. "/" .. splits)
    folder = layout.check_folder(folder, "cuhk03", { images, has_json and splits or config })
    local source = has_json and splits or config
    local records = (has_json and from_json or from_mat)(folder, images, source)
    layout.check_files(records, folder .. "/" .. source)
    return records, expected_of(boxes)
  end,
}
