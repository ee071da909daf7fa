--- @module calr.program.model
--- What the commands that use a trained network share: the words that name it, and how features are to be computed.

local errors = require "calr.errors"
local plain = require("calr.traceback").plain
local suggest = require("calr.options").suggest
local sys = require "calr.sys"

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
model.try = require("calr.program.arguments").try

local precisions = { "f32", "bf16", "auto" }

local function precision_of(given, default)
  local chosen = given or default
  if chosen == nil then return nil end
  for _, known in ipairs(precisions) do
    if chosen == known then
      if chosen ~= "auto" then return chosen end
      return sys.info().conv_bf16 == "onednn" and "bf16" or "f32"
    end
  end
  errors.usage("--precision is f32, bf16 or auto, not \"%s\"%s", chosen, suggest(chosen, precisions))
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

--- calr.program.model.open(fields, overrides)
--- Opens the network that --model names.
--- @return trained
function model.open(fields, overrides)
  local ok, opened = pcall(require("calr.trained").open, fields.model, overrides, { trust = fields.trust or false })
  local unknown = not ok and type(opened) == "string" and plain(opened):match "^calr%.trained%.open has no (option .*)"
  if unknown then errors.usage("a model has no %s", unknown) end
  return model.try(function() return ok and opened or error(opened, 0) end)
end

return model
