--- @module calr.program.model
--- What the commands that use a trained network share: the words that name it, and how features are to be computed.

local arguments = require "calr.program.arguments"
local errors = require "calr.errors"
local models = require "calr.models"
local plain = require("calr.traceback").plain
local suggest = require("calr.options").suggest
local sys = require "calr.sys"
local userfile = require "calr.userfile"

local model = {}

--- calr.program.model.help(precision)
--- @param precision  string; what --precision is where it is not given
--- @return string    the lines of --help about these words
function model.help(precision)
  return ([[
  --model M          a run folder, its model.safetensors, or weights of another program
                     (.pth, .safetensors; then with network= and the size)
  NAME=VALUE ...     options in place of the model's: network=resnet50 height=256 width=128,
                     eval_batch=64 (images at once), workers=1 (threads that decode)
  --trust            the model's record may name a Lua file as its network
  --precision P      f32, bf16, or auto: bf16 where the processor has it; default: %s]]):format(precision)
end

--- calr.program.model.values
--- The options with a value, for calr.program.arguments.
model.values = { ["--model"] = "model", ["--precision"] = "precision" }

--- calr.program.model.flags
--- The options without one.
model.flags = { ["--trust"] = "trust", ["--quiet"] = "quiet" }

--- calr.program.model.try(fn, ...)
--- Calls a function; an error of it ends the program with status 1 and its message, without a traceback.
--- @return any  what it returns
model.try = arguments.try

local function precision_of(given, default)
  local chosen = arguments.choose(given or default, "--precision", { "f32", "bf16", "auto" })
  if chosen ~= "auto" then return chosen end
  return sys.info().conv_bf16 == "onednn" and "bf16" or "f32"
end

-- What changes neither the network nor how it computes: options of an evaluation alone.
local of_evaluation = { "ap", "ignore", "rerank", "shots", "eval_draws", "eval_gallery", "expand", "expand_k",
  "expand_alpha", "multi_query" }

--- calr.program.model.refuse(fields, overrides, names, why)
--- Ends the program where an option is given that the command would not look at.
--- @param fields     from calr.program.arguments.parse; model.open reads there what it need not suggest
--- @param overrides  option -> value, of calr.program.model.options
--- @param names      list of options; nil: those of an evaluation
--- @param why        string; what the message ends with: "ranks nothing"
function model.refuse(fields, overrides, names, why)
  fields.refused = fields.refused or {}
  for _, name in ipairs(names or of_evaluation) do
    fields.refused[name] = true
    if overrides[name] ~= nil then errors.usage("%s= has no effect here: %s", name, why) end
  end
end

-- The words NAME=VALUE as a table; returns the others, in order.
local function split_words(words)
  local overrides, rest = {}, {}
  for _, word in ipairs(words) do
    local name, value = word:match "^([%a_][%w_.]*)=(.*)$"
    if not name then
      rest[#rest + 1] = word
    elseif overrides[name] then
      errors.usage("%s is given twice", name)
    else
      overrides[name] = value
    end
  end
  return overrides, rest
end

--- calr.program.model.options(fields, words, usage [, precision])
--- Reads the words NAME=VALUE; any other word is an error.
--- @param fields     from calr.program.arguments.parse
--- @param words      likewise
--- @param usage      string; for messages
--- @param precision  string; the default of --precision; nil: the model's own
--- @return table     option -> value, for calr.trained.open
function model.options(fields, words, usage, precision)
  local overrides, rest = split_words(words)
  if rest[1] then errors.usage("\"%s\" is one word too many; usage: %s", rest[1], usage) end
  overrides.precision = overrides.precision or precision_of(fields.precision, precision)
  return overrides
end

--- calr.program.model.check_network(name)
--- Ends the program where there is no such network.
--- @param name  string; of a model or the path of a file; nil: none is named
function model.check_network(name)
  if name == nil or userfile.is_path(name) then return arguments.check_source(name, "file of a network") end
  local names = models.names()
  for _, known in ipairs(names) do
    if known == name then return end
  end
  errors.usage("there is no network \"%s\"%s; there are: %s, or give the path of a file of your own", name,
    suggest(name, names), table.concat(names, ", "))
end

--- calr.program.model.open(fields, overrides)
--- Opens the network that --model names.
--- @return trained
function model.open(fields, overrides)
  arguments.check_source(fields.model, "run or file of weights")
  model.check_network(overrides.network)
  local ok, opened = pcall(require("calr.trained").open, fields.model, overrides, { trust = fields.trust or false })
  local unknown = not ok and type(opened) == "string" and plain(opened):match "^calr%.trained%.open has no (option .*)"
  if unknown then
    local said, list = unknown:match "^(.*there are: )(.*)$"
    local left = {}
    for name in (list or ""):gmatch "[^,%s]+" do
      if not (fields.refused or {})[name] then left[#left + 1] = name end
    end
    errors.usage("a model has no %s", said and said .. table.concat(left, ", ") or unknown)
  end
  return model.try(function() return ok and opened or error(opened, 0) end)
end

return model
