--- @module calr.lab.pictures.record
--- What a run has left for pictures: its record, its data set if it is still there unchanged, and its labels by epoch.

local errors = require "calr.errors"
local history = require "calr.pipeline.history"
local run = require "calr.run"
local snapshots = require "calr.pipeline.snapshot"
local sys = require "calr.sys"

local record = {}

local Record = {}
Record.__index = Record

--- calr.lab.pictures.record.data(values)
--- Opens the data set that a run has read.
--- @param values  the run's record (calr.run.read)
--- @return dataset|nil  nil when it is gone or has changed
--- @return string|nil   why it cannot be had
function record.data(values)
  local cfg = values.config or {}
  local path = cfg.data or (values.data or {}).path
  if type(path) ~= "string" then return nil, "the run names no data set" end
  if path:sub(1, 1) ~= "/" and values.folder then path = values.folder .. "/" .. path end
  if not sys.exists(path) then return nil, ("the data set %s is gone"):format(path) end
  local ok, data = pcall(require("calr.data").open, path, { ids = cfg.ids })
  if not ok then
    if sys.is_interrupt(data) then error(data, 0) end
    return nil, ("the data set %s cannot be read"):format(path)
  end
  if data:fingerprint() ~= (values.data or {}).fingerprint then
    return nil, ("the data set %s is another one than the run read"):format(path)
  end
  return data
end

-- The epochs with labels: those that the run kept, else those of its snapshots.
local function epochs_of(path)
  local list = history.list(path)
  if #list > 0 then return list, "labels" end
  for i, file in ipairs(snapshots.list(path)) do
    list[i] = { path = file, epoch = math.tointeger(tonumber(file:match "epoch%-(%d+)%.safetensors$")) }
  end
  return list, "snapshots"
end

--- calr.lab.pictures.record.open(path [, {model=, trust=false}])
--- @param path   a run folder
--- @param model  table; option -> value, in place of those of the run's network: see calr.trained.open
--- @param trust  whether a Lua file that the run names as its network may run
--- @return table  path, name, values (run.json), config, data, split (both nil without the data set, then `missing`
---                says why), epochs (list of {epoch=, path=}), model, trust, and the methods below
function record.open(path, options)
  options = require("calr.options").check("calr.lab.pictures.record.open", options, { "model", "trust" })
  path = #path > 1 and path:gsub("/+$", "") or path
  local values = run.read(path)
  local data, missing = record.data(values)
  local epochs, kind = epochs_of(path)
  return setmetatable({ path = path, name = path:match "([^/]+)$" or path, values = values,
    config = values.config or {}, data = data, split = data and data:train(), missing = missing, epochs = epochs,
    kind = kind, model = options.model or {}, trust = options.trust == true }, Record)
end

-- A snapshot in the form of the labels of an epoch.
local function from_snapshot(file)
  local s = snapshots.load(file)
  local neighbours = s.neighbours
  local width = neighbours and neighbours.indices:size(2) - 1 or 0
  return { file = file, epoch = s.epoch, epochs = s.epochs, reasons = s.reasons, global = s.global, locals = s.locals,
    refined = s.refined, reason = s.reason and (s.reason + 1):clamp(0, 255):to "u8",
    neighbours = width > 0 and neighbours.indices:narrow(2, 2, width):contiguous() or nil,
    similarities = width > 0 and neighbours.similarities:narrow(2, 2, width):contiguous() or nil }
end

--- record:labels(i)
--- @param i  integer; place in record.epochs; default: the last
--- @return table|nil  see calr.pipeline.history.load; nil when the run kept none
function Record:labels(i)
  local item = self.epochs[i or #self.epochs]
  if not item then return nil end
  local labels = self.kind == "labels" and history.load(item.path) or from_snapshot(item.path)
  if self.split and labels.global:numel() ~= self.split:count() then
    errors.fail("%s holds labels of %d images, and the data set has %d to train on", item.path, labels.global:numel(),
      self.split:count())
  end
  return labels
end

--- record:without_labels()
--- @return string  why there is nothing to show of a run without labels, and what to do
function Record:without_labels()
  return ("the run in %s kept no labels: train with labels_every=1 (the default) or snapshot_every=1, and let it "
    .. "finish an epoch"):format(self.path)
end

--- record:place(epoch)
--- @param epoch  integer from 0, or nil for the last one
--- @return integer  its place in record.epochs; a usage error when there are no labels of it
function Record:place(epoch)
  if #self.epochs == 0 then
    errors.usage("%s", self:without_labels())
  end
  if not epoch then return #self.epochs end
  for i, item in ipairs(self.epochs) do
    if item.epoch == epoch then return i end
  end
  errors.usage("the run in %s kept no labels of epoch %d; there are those of epoch %d to %d%s", self.path, epoch,
    self.epochs[1].epoch, self.epochs[#self.epochs].epoch, #self.epochs > 1
    and self.epochs[#self.epochs].epoch - self.epochs[1].epoch + 1 ~= #self.epochs and ", with gaps" or "")
end

--- record:needs_data()
--- Ends the program with what is wrong, when there is no data set.
function Record:needs_data()
  if not self.data then errors.fail("%s: its images are needed", self.missing) end
end

return (require("calr.options").counted("calr.lab.pictures.record.", record))
