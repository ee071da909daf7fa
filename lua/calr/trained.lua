--- @module calr.trained
--- A trained network in use: from a run folder, from the model.safetensors that a run ends with, or from weights of
--- another program.
---
---     local model = calr.trained.open "runs/calr-1"
---     local features = model:features(calr.data.open("street.lmdb"):gallery())
---
--- Files are data: a record that names a Lua file as its network runs that file only where the caller names it too, or
--- trusts the record.

--- @class trained
--- @field net          network; in evaluation mode
--- @field config       table; the configuration of calr.pipeline.features and calr.pipeline.evaluate: network, height,
---                     width, precision and the options of evaluation
--- @field source       string; the file that the weights came from
--- @field run          string; the run folder; nil where a file was given
--- @field fingerprint  string; of the weights and of all that changes features: equal for equal features

local check_options = require("calr.options").check
local config = require "calr.config"
local evaluation = require "calr.pipeline.evaluation"
local folder = require "calr.run.folder"
local json = require "calr.json"
local models = require "calr.models"
local pipeline = require "calr.pipeline.config"
local progress = require "calr.progress"
local safetensors = require "calr.safetensors"
local sys = require "calr.sys"
local userfile = require "calr.userfile"
local weights = require "calr.weights"

local trained = {}

-- What makes the network and its input, and what says how it is evaluated. Nothing else of a record is looked at: its
-- refinement rules and optimisers may be files.
local of_network = { "network", "pooling", "ibn", "last_stride", "precision", "height", "width" }
local of_evaluation = { "ap", "ignore", "rerank", "shots", "eval_draws", "eval_gallery", "eval_batch", "expand",
  "expand_k", "expand_alpha", "multi_query", "workers" }

-- The recorded configuration: of a run from its run.json, of a file from its metadata; nil where there is none.
local function recorded(path)
  if sys.is_folder(path) then
    local home = path:match "^(.*)/checkpoints$" or path
    return folder.read(home).config, home
  end
  if not path:match "%.safetensors$" then return nil end
  local home = path:match "^(.*)/checkpoints/[^/]+$"
  if home and sys.exists(home .. "/run.json") then return folder.read(home).config, nil end
  local _, metadata = safetensors.load(path)
  if not metadata.config then return nil end
  local ok, values = pcall(json.decode, metadata.config, path)
  if not ok or type(values) ~= "table" then
    error(path .. ": its metadata has a `config` that is no table in JSON; give network=, height= and width=", 0)
  end
  return values
end

-- Plain values that options can take; anything else in a stranger's file is left to the checks of calr.config.
local function take(names, from, into)
  for _, name in ipairs(names) do
    if from[name] ~= nil then into[name] = from[name] end
  end
end

local function check_network(record, overrides, trust, path)
  local name = record.network
  if overrides.network ~= nil then return end
  if name == nil then
    error(("%s does not say which network it is of; give network= (there are: %s)"):format(path,
      table.concat(models.names(), ", ")), 0)
  elseif name == "script" then
    error(("the network of %s was built by its script; put it into a Lua file that returns it, and give that file "
      .. "(network=./mine.lua; docs/guide/your-own-backbone.md)"):format(path), 0)
  elseif not userfile.is_path(name) or trust then
    return
  end
  error(("%s was trained with the network of a file, %s, which would run as code. Read that file, then name it "
    .. "(network=%s) or trust the record"):format(path, name, name), 0)
end

-- The values of the options: those of the record, changed by the caller's.
local function values_of(record, overrides)
  local values, names = {}, {}
  take(of_network, record, values)
  take(of_evaluation, record, values)
  local name = overrides.network or values.network
  for option in pairs(name and models.declared(name) or {}) do
    if record[option] ~= nil and type(record[option]) ~= "table" then values[option] = record[option] end
    names[#names + 1] = option
  end
  table.move(of_network, 1, #of_network, #names + 1, names)
  table.move(of_evaluation, 1, #of_evaluation, #names + 1, names)
  for option, value in pairs(check_options("calr.trained.open", overrides, names, 3)) do values[option] = value end
  return values
end

local function fingerprint_of(file, cfg)
  local settings = { weights = sys.hash_file(file) }
  take(of_network, cfg, settings)
  for option in pairs(models.declared(cfg.network) or {}) do settings[option] = cfg[option] end
  if userfile.is_path(cfg.network) then settings.network = sys.hash_file(cfg.network) end
  return sys.hash(json.encode(settings))
end

local Trained = {}
Trained.__index = Trained

--- trained:features(split [, rows])
--- Unit features of images, by the inference form of the network: calr.pipeline.features.
--- @param split  of a data set: data:train(), data:query(), data:gallery()
--- @param rows   i64[m]: only these images, in this order
--- @return tensor  f32[m x dim]
function Trained:features(split, rows)
  return evaluation.features(self.net, split, self.config, rows)
end

--- trained:evaluate(data [, label])
--- Ranks the gallery of a data set for each of its queries: calr.pipeline.evaluate.
--- @return table|nil  mAP, mINP, rank1, rank5, rank10, queries; nil, with a note, where nothing can be ranked
function Trained:evaluate(data, label)
  return evaluation.evaluate(self.net, data, self.config, label)
end

--- calr.trained.open(path [, overrides [, {trust=false, quiet=false}]])
--- Makes the network that a run trained and loads its weights.
--- @param path       a run folder (finished or not: then its newest checkpoint), one of its checkpoints, a
---                   model.safetensors, or weights of another program (calr.weights)
--- @param overrides  table; option -> value, in place of the record's: network, height, width, pooling, ibn, precision,
---                   those that the network declares and those of evaluation. Weights of another program need network,
---                   and take 256 x 128 pixels unless they are given height and width
--- @param trust      the record may name a Lua file as its network
--- @param quiet      does not say which tensors of a foreign file were matched
--- @return trained  an error where the weights do not fit the network
function trained.open(path, overrides, options)
  options = check_options("calr.trained.open", options, { "trust", "quiet" })
  if type(path) ~= "string" then error("calr.trained.open: the path of a run or a file is wanted", 2) end
  path = path:gsub("(.)/+$", "%1")
  overrides = overrides or {}
  if not sys.exists(path) then error(("%s: there is no such run or file"):format(path), 0) end
  local record, home = recorded(path)
  check_network(record or {}, overrides, options.trust, path)
  local values = values_of(record or { height = 256, width = 128 }, overrides)
  local cfg = config.apply(pipeline.defaults(), values)
  local net = pipeline.network(cfg)
  local file = sys.is_folder(path) and folder.model(path) or path
  local matched = weights.load(net, file)
  if #matched.missing > 0 or not record then
    for line in (options.quiet and "" or matched.report):gmatch "[^\n]+" do progress.print("weights: " .. line) end
  end
  net:train(false)
  return setmetatable({ net = net, config = cfg, source = file, run = home, fingerprint = fingerprint_of(file, cfg) },
    Trained)
end

require("calr.options").counted("trained:", Trained)
return (require("calr.options").counted("calr.trained.", trained))
