-- Refinement: rules that throw wrong members out of the global clusters.
local labels = require "calr.labels"
local T = require "calr.tensor"

--- @module calr.refine
--- Refinement rules. A rule is a Lua file that returns a function(context) -> labels [, reasons].
---
--- The context holds, for all n training images: `global` i32[n] (global clusters, -1 outlier), `locals` i32[n] (local
--- clusters inside the cameras, numbered so that no two cameras share a number), `cameras` i32[n], `scores` f32[n]
--- (node scores), `features` f32[n x d], `neighbours` (indices i32[n x k] and similarities f32[n x k], as
--- calr.cluster.knn gives them), and `epoch` (from 0), `epochs`, `seed`, `pace` (a function, see calr.refine.pace) and
--- `options` (a table of the configuration). The labels that come back are i32[n]; numbers need not be free of gaps,
--- calr.refine.apply tidies them. `reasons` may be a table of text -> mask u8[n]: why images were discarded. They are
--- counted into the run's metrics, and kept for each image in its snapshots.
---
--- `calr refine` tries rules on the snapshots of a run: see calr.lab.refine.

local refine = {}

local bundled = {
  { "none", "no refinement" },
  { "pivot", "a pivot speaks for each cluster: CALR" },
  { "purity", "enough of an image's neighbours are in its cluster" },
  { "camera_proxy", "an image is nearest to its own cluster, as its camera sees it" },
  { "self_paced", "the weakest images wait until later epochs" },
  { "local_split", "local clusters in the minority become clusters of their own" },
  { "merge", "clusters with mutually nearest pivots become one" },
}

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
--- @return table  name -> what it keeps, in a few words
function refine.names()
  local names, summaries = {}, {}
  for i, rule in ipairs(bundled) do
    names[i], summaries[rule[1]] = rule[1], rule[2]
  end
  return names, summaries
end

--- calr.refine.load(name)
--- A rule by its name, or by the path of a file of your own (anything with a slash, or that ends in .lua). A mistake in
--- the file is an error with its line.
--- @param name  such as "pivot", "none", "path/to/my_rule.lua"
--- @return function  context -> labels, reasons
function refine.load(name)
  if type(name) == "function" then return name end
  if not is_path(name) then
    local names = refine.names()
    for _, known in ipairs(names) do
      if known == name then return require("calr.refine." .. name) end
    end
    error(("there is no refinement rule \"%s\"; there are: %s, or give the path of a file of your own, such as "
      .. "./%s.lua"):format(name, table.concat(names, ", "), name), 2)
  end
  return load_function(name, "refinement rule", "context", 3)
end

local function describe(value)
  return type(value) == "userdata" and tostring(value) or type(value) == "nil" and "nil" or "a " .. type(value)
end

-- The texts of a rule's reasons, sorted.
local function check_reasons(reasons, n)
  if reasons == nil then return {} end
  if type(reasons) ~= "table" then
    error(("the reasons of a refinement rule must be a table of text -> mask u8[%d], not %s"):format(n,
      describe(reasons)), 0)
  end
  local texts = {}
  for text, mask in pairs(reasons) do
    if type(text) ~= "string" or type(mask) ~= "userdata" or tostring(mask) ~= ("u8[%d]"):format(n) then
      error(("the reasons of a refinement rule must be masks u8[%d] by their text; reason %q is %s"):format(n,
        tostring(text), describe(mask)), 0)
    end
    texts[#texts + 1] = text
  end
  table.sort(texts)
  return texts
end

local no_reason, alone = "no reason given", "alone in its cluster"

-- Why each discarded image went: its first reason, or what the rule left unsaid.
local function explain(global, out, tidy, reasons)
  local n = global:numel()
  local texts, counts, places, of = {}, {}, {}, T.full({ n }, -1, "i32")
  local open = labels.both(labels.at_least(global, 0), labels.invert(labels.at_least(tidy, 0)))
  local function assign(text, mask)
    local chosen = labels.both(open, mask)
    if not counts[text] then
      texts[#texts + 1] = text
      counts[text], places[text] = 0, #texts - 1
    end
    counts[text] = counts[text] + labels.total(chosen)
    of = labels.where(chosen, places[text], of)
    open = labels.both(open, labels.invert(mask))
  end
  for _, text in ipairs(check_reasons(reasons, n)) do assign(text, reasons[text]) end
  local kept = labels.at_least(out, 0)
  for _, unsaid in ipairs { { alone, kept }, { no_reason, labels.invert(kept) } } do
    if labels.total(labels.both(open, unsaid[2])) > 0 then assign(table.unpack(unsaid)) end
  end
  return counts, { texts = texts, of = of }
end

--- calr.refine.apply(rule, context)
--- Runs a rule and tidies what it returns: clusters numbered without gaps, those of fewer than two images outliers.
---
--- Discarded images are those of a global cluster that end as outliers. Each counts for one reason: the first, in the
--- order of the alphabet, whose mask has it; "alone in its cluster" when the rule kept it and nobody else; otherwise
--- "no reason given".
--- @param rule     function; what calr.refine.load gives
--- @return tensor  i32[n]
--- @return table   text -> number of images discarded for that reason
--- @return table   why each image was discarded: `texts`, a list, and `of`, i32[n], places in it from 0, -1 for images
---                 that were not
function refine.apply(rule, context)
  local out, reasons = rule(context)
  local n = context.global:numel()
  if type(out) ~= "userdata" or tostring(out) ~= ("i32[%d]"):format(n) then
    error(("a refinement rule must return labels i32[%d], not %s"):format(n, describe(out)), 0)
  end
  local tidy = labels.canonical(out, { min_size = 2 })
  return tidy, explain(context.global, out, tidy, reasons)
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
