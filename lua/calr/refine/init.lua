-- Refinement: rules that throw wrong members out of the global clusters.
local labels = require "calr.labels"

--- @module calr.refine
--- Refinement rules. A rule is a Lua file that returns a function(context) -> labels [, reasons].
---
--- The context holds, for all n training images: `global` i32[n] (global clusters, -1 outlier), `locals` i32[n] (local
--- clusters inside the cameras, numbered so that no two cameras share a number), `cameras` i32[n], `scores` f32[n]
--- (node scores), `features` f32[n x d], and `epoch` (from 0), `epochs`, `seed`, `pace` (a function, see
--- calr.refine.pace) and `options` (a table of the configuration). The labels that come back are i32[n]; numbers need
--- not be free of gaps, calr.refine.apply tidies them. `reasons` may be a table of text -> mask u8[n]: why images were
--- discarded; it is counted into the run's record.

local refine = {}

local bundled = { "none", "pivot" }

local function is_path(name)
  return name:find("/", 1, true) or name:sub(-4) == ".lua"
end

-- The function that a file of one's own returns.
local function load_function(path, what, arguments, level)
  local chunk, message = loadfile(path, "t")
  if not chunk then error(("cannot load the %s: %s"):format(what, message), level) end
  local result = chunk()
  if type(result) ~= "function" then
    error(("%s must return a function(%s), and returns a %s"):format(path, arguments, type(result)), level)
  end
  return result
end

--- calr.refine.names()
--- @return table  the rules that come with calr
function refine.names()
  return table.move(bundled, 1, #bundled, 1, {})
end

--- calr.refine.load(name)
--- A rule by its name, or by the path of a file of your own (anything with a slash, or that ends in .lua). A mistake in
--- the file is an error with its line.
--- @param name  "pivot", "none", "path/to/my_rule.lua"
--- @return function  context -> labels, reasons
function refine.load(name)
  if type(name) == "function" then return name end
  if not is_path(name) then
    for _, known in ipairs(bundled) do
      if known == name then return require("calr.refine." .. name) end
    end
    error(("there is no refinement rule \"%s\"; there are: %s, or give the path of a file of your own, such as "
      .. "./%s.lua"):format(name, table.concat(bundled, ", "), name), 2)
  end
  return load_function(name, "refinement rule", "context", 3)
end

--- calr.refine.apply(rule, context)
--- Runs a rule and tidies what it returns: clusters numbered without gaps, those of fewer than two images outliers.
--- @return tensor  i32[n]
--- @return table   text -> number of images discarded for that reason
function refine.apply(rule, context)
  local out, reasons = rule(context)
  local n = context.global:numel()
  if type(out) ~= "userdata" or tostring(out) ~= ("i32[%d]"):format(n) then
    error(("a refinement rule must return labels i32[%d], not %s"):format(n, tostring(out)), 0)
  end
  local counts = {}
  for text, mask in pairs(reasons or {}) do counts[text] = labels.total(mask) end
  return labels.canonical(out, { min_size = 2 }), counts
end

local paces = {
  always = function() return 1 end,
  cosine = function(epoch, epochs) return 0.5 * (1 + math.cos(math.pi * epoch / (3 * epochs))) end,
}

--- calr.refine.pace(name)
--- How likely a wrong member is discarded, by epoch: "always" (1; what the authors' code runs) or "cosine"
--- (0.5 (1 + cos(pi epoch / (3 epochs)))), or the path of a file of your own that returns a function(epoch, epochs) ->
--- probability (anything with a slash, or that ends in .lua).
--- @param name  a name, a path, or such a function
--- @return function  (epoch from 0, epochs) -> probability
function refine.pace(name)
  if type(name) == "function" then return name end
  if type(name) == "string" and is_path(name) then return load_function(name, "pace", "epoch, epochs", 3) end
  return paces[name] or error(("there is no pace \"%s\"; there are: always, cosine, or give the path of a file of your "
    .. "own, such as ./%s.lua"):format(tostring(name), tostring(name)), 2)
end

return refine
