--- @module calr.lab.pictures.features
--- The features of a run's images before and after training, in the plane; and its rankings. What took long is kept in
--- RUN/pictures, so that a second picture comes at once.

local T = require "calr.tensor"
local embed = require "calr.embed"
local evaluation = require "calr.pipeline.evaluation"
local json = require "calr.json"
local network = require("calr.pipeline.config").network
local progress = require "calr.progress"
local rank = require "calr.rank"
local ranking = require "calr.pipeline.ranking"
local safetensors = require "calr.safetensors"
local snapshots = require "calr.pipeline.snapshot"
local sys = require "calr.sys"
local thin = require "calr.lab.pictures.thin"
local trained = require "calr.trained"

local features = {}

local FORMAT = "calr.pictures 1"

-- ---- what is kept ----

-- Tensors and metadata of RUN/pictures/NAME, made by `make` where they are missing or of something else. A folder that
-- cannot be written to only costs the time of the next call.
local function kept(record, name, key, make)
  local file = ("%s/pictures/%s.safetensors"):format(record.path, name)
  if sys.exists(file) then
    local tensors, metadata = safetensors.try(file)
    if tensors and metadata.format == FORMAT and metadata.key == key then return tensors, metadata end
  end
  local tensors, metadata = make()
  if not tensors then return nil, metadata end
  metadata = metadata or {}
  metadata.format, metadata.key = FORMAT, key
  local ok, problem = pcall(function()
    sys.make_folder(record.path .. "/pictures")
    safetensors.save(file, tensors, metadata, { checksum = true })
  end)
  if not ok then
    if sys.is_interrupt(problem) then error(problem, 0) end
    progress.print(("note: %s is not kept: %s"):format(file, tostring(problem)))
  end
  return tensors, metadata
end

-- ---- networks ----

-- What fn(...) gives, or nil and what it says is wrong.
local function attempt(fn, ...)
  local ok, result = pcall(fn, ...)
  if ok then return result end
  if sys.is_interrupt(result) then error(result, 0) end
  return nil, require("calr.traceback").plain(tostring(result))
end

-- The network as the run began with it: the weights that it kept, or random ones of its seed.
local function untrained(record, model)
  local cfg, start = {}, record.path .. "/start.safetensors"
  for name, value in pairs(model.config) do cfg[name] = value end
  cfg.seed, cfg.weights = record.config.seed, ""
  if not sys.exists(start) and (record.config.weights or "") ~= "" then
    error("the weights that it started from were not kept", 0)
  end
  local net = network(cfg)
  if sys.exists(start) then net:load_state((safetensors.load(start))) end
  return net
end

local function finished(record)
  return attempt(trained.open, record.path, record.model, { trust = record.trust, quiet = true })
end

-- ---- the plane ----

-- The usual learning rate, without its least value of 50: some ten images fly apart at that.
local function plane(x)
  local n = x:size(1)
  if n < 12 then return nil end
  return (embed.tsne(x, { metric = "cosine", perplexity = math.min(30, (n - 1) / 3),
    learning_rate = math.max(10, n / 48) }))
end

-- Positions before and after, from the features of snapshots: of runs whose data or network are gone.
local function from_snapshots(record, most)
  local files = snapshots.list(record.path)
  if #files == 0 then return nil end
  local tensors, metadata = {}, {}
  local first, last = snapshots.load(files[1]), #files > 1 and snapshots.load(files[#files]) or nil
  local rows = thin(first.features:size(1), most)
  local index = T(rows, "i64") - 1
  tensors.rows = index
  tensors.before = plane(first.features:index_select(1, index))
  metadata.before = ("epoch %d"):format(first.epoch)
  if last then
    tensors.after = plane(last.features:index_select(1, index))
    metadata.after = ("epoch %d"):format(last.epoch)
  end
  if not tensors.before then return nil end
  return tensors, metadata
end

local function from_networks(record, model, most)
  local split = record.split
  local rows = T(thin(split:count(), most), "i64") - 1
  local before, why = attempt(untrained, record, model)
  local tensors, metadata = { rows = rows }, { after = "after training" }
  if before then
    tensors.before = plane(evaluation.features(before, split, model.config, rows))
    metadata.before = "before training"
  else
    metadata.missing = "features before training: " .. why
  end
  tensors.after = plane(evaluation.features(model.net, split, model.config, rows))
  if not tensors.after then return nil end
  return tensors, metadata
end

--- calr.lab.pictures.features.planes(record, most)
--- The t-SNE of the features of the training images, before training and after it.
--- @param record  of calr.lab.pictures.record.open
--- @param most    integer; images, evenly spread over the data set
--- @return table|nil     rows i64[m] (from 0), before and after f32[m x 2] (one of them may be absent)
--- @return table|string  metadata: before and after say what they are, missing what is not there; or why there is none
function features.planes(record, most)
  local model, why
  if record.split then model, why = finished(record) else why = record.missing end
  if not model then
    local tensors, metadata = kept(record, "plane", "snapshots/" .. most, function()
      return from_snapshots(record, most)
    end)
    if tensors then return tensors, metadata end
    return nil, why
  end
  if record.split:count() < 12 then return nil, "there are fewer than 12 training images" end
  local key = ("%s/%s/%d"):format(model.fingerprint, record.data:fingerprint(), most)
  return kept(record, "plane", key, function() return from_networks(record, model, most) end)
end

-- ---- rankings ----

local TOP = 10

local function rankings(record, model)
  local measured, reason = evaluation.measure(model.net, record.data, model.config)
  if not measured then return nil, ("%s cannot be ranked: %s"):format(record.data:name(), reason) end
  local query, gallery = measured.query, measured.gallery
  local top = rank.topk { query = query.features, gallery = gallery.features, k = TOP, query_ids = query.identities,
    gallery_ids = gallery.identities, query_cameras = query.cameras, gallery_cameras = gallery.cameras,
    ignore = model.config.ignore or "own" }
  local indices = top.indices
  if gallery.rows then indices = require("calr.labels").take(gallery.rows, indices:view(-1)):view(-1, TOP):to "i32" end
  return { indices = indices:to "i32", average_precision = measured.result.average_precision,
    first_match = measured.result.first_match },
    { pairs = json.encode(json.array(ranking.by_camera(query, gallery, model.config))),
      figures = json.encode(measured.figures) }
end

--- calr.lab.pictures.features.rankings(record)
--- How the run's network ranks the gallery for each query.
--- @param record  of calr.lab.pictures.record.open
--- @return table|nil     indices i32[q x 10] (rows of the gallery from 0, -1 for none), average_precision f32[q] and
---                       first_match i32[q] (-1 without a match); nil where there is nothing to rank
--- @return table|string  pairs (see calr.pipeline.ranking.by_camera) and figures; or the reason
function features.rankings(record)
  if not record.data then return nil, record.missing end
  local model, why = finished(record)
  if not model then return nil, why end
  local key = ("%s/%s"):format(model.fingerprint, record.data:fingerprint())
  local tensors, metadata = kept(record, "ranking", key, function() return rankings(record, model) end)
  if not tensors then return nil, metadata end
  return tensors, { pairs = json.decode(metadata.pairs, "pairs"), figures = json.decode(metadata.figures, "figures") }
end

-- ---- without identities ----

local SHOWN = 6 -- images whose nearest ones are shown

local function nearest(record, model)
  local split = record.split
  local cameras, n = split:cameras(), split:count()
  local several = cameras:max():item() > cameras:min():item()
  local found = model:features(split)
  local rows = T(thin(n, SHOWN), "i64") - 1
  local same = T.zeros({ n }, "i32") -- nobody's identity is known: the cameras alone say who is left out
  local top = rank.topk { query = found:index_select(1, rows), gallery = found, k = math.min(TOP + 1, n),
    query_ids = several and same:index_select(1, rows) or nil, gallery_ids = several and same or nil,
    query_cameras = several and cameras:index_select(1, rows) or nil, gallery_cameras = several and cameras or nil,
    ignore = several and "camera" or nil }
  return { rows = rows, indices = top.indices:to "i32" }, { several = several and "yes" or "no" }
end

--- calr.lab.pictures.features.nearest(record)
--- The training images that the run's network finds nearest to a few others, from other cameras where there are any:
--- for data sets that cannot be ranked.
--- @param record  of calr.lab.pictures.record.open
--- @return table|nil     rows i64[m] (from 0) and indices i32[m x 11] (rows, -1 for none, the image itself among them
---                       where there is one camera)
--- @return table|string  several = "yes" where the nearest are of other cameras; or why there is nothing
function features.nearest(record)
  if not record.data then return nil, record.missing end
  local model, why = finished(record)
  if not model then return nil, why end
  if record.split:count() < 2 then return nil, "there are fewer than two training images" end
  local key = ("%s/%s"):format(model.fingerprint, record.data:fingerprint())
  return kept(record, "nearest", key, function() return nearest(record, model) end)
end

return (require("calr.options").counted("calr.lab.pictures.features.", features))
