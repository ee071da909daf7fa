--- @module calr.lab.report.gallery
--- Collects images for the report of a run: some of its local clusters, and the pictures in its folder. Images that are
--- missing or have changed since are left out.

local columns = require "calr.lab.report.columns"
local image = require "calr.image"
local json = require "calr.json"
local records = require "calr.lab.pictures.record"
local sys = require "calr.sys"
local text = require "calr.text"
local thumbs = require "calr.lab.pictures.thumbs"

local gallery = {}

local most_clusters, most_images = 8, 10
local most_files, largest, most_bytes = 12, 300 * 1024, 1500 * 1024 -- the last of all files together, in the page

-- ---- data URIs ----

local function data_uri(kind, bytes)
  return ("data:image/%s;base64,%s"):format(kind, text.base64(bytes))
end

-- ---- pictures that the run saved ----

local function png_uri(path)
  if sys.stat(path).size <= largest then return data_uri("png", sys.read_file(path)) end
  local pixels = image.load_png(path)
  local h, w = pixels:size(1), pixels:size(2)
  if w > 1200 then pixels = image.resize(pixels, { height = math.max(1, h * 1200 // w), width = 1200 }) end
  return data_uri("jpeg", image.encode(pixels, { quality = 85 }))
end

local function picture_files(folder, prefix, depth, out)
  for _, name in ipairs(sys.list(folder)) do
    local path = folder .. "/" .. name
    if sys.is_folder(path) then
      if depth > 0 and name ~= "checkpoints" then picture_files(path, prefix .. name .. "/", depth - 1, out) end
    elseif name:lower():match "%.png$" then
      out[#out + 1] = { path = path, name = prefix .. name }
    end
  end
  return out
end

local function saved_pictures(path)
  local list, left_out, bytes = json.array {}, 0, 0
  for _, file in ipairs(picture_files(path, "", 2, {})) do
    local ok, uri = false, nil
    if #list < most_files then ok, uri = pcall(png_uri, file.path) end
    if ok and bytes + #uri <= most_bytes then
      bytes = bytes + #uri
      list[#list + 1] = { name = file.name, source = uri }
    else
      left_out = left_out + 1
    end
  end
  return list, left_out
end

-- ---- local clusters ----

-- i32[n], the local cluster of each training image; nil if the run kept none.
local function local_labels(path)
  local file = require("calr.run.folder").newest_file(path, "intra")
  if not file then return nil end
  local ok, tensors = pcall(require("calr.safetensors").load, file.path)
  return ok and tensors.locals or nil
end

-- Clusters of three images or more, the largest first, sampled evenly.
local function choose(members)
  local list = {}
  for label, rows in pairs(members) do
    if #rows >= 3 then list[#list + 1] = { label = label, rows = rows } end
  end
  table.sort(list, function(a, b)
    if #a.rows ~= #b.rows then return #a.rows > #b.rows end
    return a.label < b.label
  end)
  local chosen = {}
  for i, at in ipairs(columns.thin(#list, most_clusters)) do chosen[i] = list[at] end
  return chosen, #list
end

-- The identity of most members, and how many have it; nil without identities.
local function majority(rows, identities)
  local count, best = {}, nil
  for _, row in ipairs(rows) do
    local id = identities[row]
    if id < 0 then return nil end
    count[id] = (count[id] or 0) + 1
    if not best or count[id] > count[best] or count[id] == count[best] and id < best then best = id end
  end
  return best, count[best]
end

local function describe(cluster, split, identities, cameras)
  local main, same = majority(cluster.rows, identities)
  local images = json.array {}
  for _, at in ipairs(columns.thin(#cluster.rows, most_images)) do
    local row = cluster.rows[at]
    images[#images + 1] = { path = text.visible(split:path(row)), source = thumbs.uri(split:jpeg(row)),
      wrong = main ~= nil and identities[row] ~= main }
  end
  return { label = cluster.label, camera = cameras[cluster.rows[1]], size = #cluster.rows, images = images,
    purity = main and columns.short(same / #cluster.rows) or nil }
end

local function local_clusters(path, record)
  local data, locals = records.data(record), local_labels(path)
  local split = data and data:train()
  if not (split and locals) or locals:numel() ~= split:count() then return json.array {}, 0, false end
  local members = {}
  for row, label in ipairs(locals:totable()) do
    if label >= 0 then
      members[label] = members[label] or {}
      table.insert(members[label], row)
    end
  end
  local chosen, total = choose(members)
  local identities, cameras = split:identities():totable(), split:cameras():totable()
  local list = json.array {}
  for i, cluster in ipairs(chosen) do list[i] = describe(cluster, split, identities, cameras) end
  return list, total, split:identities():ge(0):any():item()
end

--- calr.lab.report.gallery.collect(path, record)
--- @param path    a run folder
--- @param record  its run.json
--- @return table  clusters, total (the number with three images or more), truth (whether identities are known),
---                files, left_out (the number of the others)
function gallery.collect(path, record)
  local ok, clusters, total, truth = pcall(local_clusters, path, record)
  if not ok then
    if sys.is_interrupt(clusters) then error(clusters, 0) end
    clusters, total, truth = json.array {}, 0, false -- a damaged data set must not prevent the report
  end
  local files, left_out = saved_pictures(path)
  return { clusters = clusters, total = total, truth = truth, files = files, left_out = left_out }
end

return gallery
