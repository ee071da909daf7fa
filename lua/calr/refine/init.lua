-- Refinement: rules that throw wrong members out of the global clusters.
local config = require "calr.config"
local form = require "calr.form"
local labels = require "calr.labels"
local arguments = require "calr.options"
local paces = require "calr.refine.paces"
local phases = require "calr.phases"
local T = require "calr.tensor"
local userfile = require "calr.userfile"

local has, suggest, unknown = arguments.has, arguments.suggest, arguments.unknown

--- @module calr.refine
--- Refinement rules. A rule is a Lua file that returns a function(context) -> labels [, reasons], or that function
--- together with the options that it declares:
---
---     local option = require("calr.config").option
---     return {
---       options = { share = option(0.5, "of the best score that is enough", { 0, 1 }) },
---       apply = function(context) ... context.options.share ... end,
---     }
---
--- What is declared there is known everywhere the rule is named: `calr run script.lua refine=./mine.lua share=0.7`,
--- --help, studies, `calr refine`. A value out of its range is refused before the first epoch.
---
--- The context holds, for all n training images: `global` i32[n] (global clusters, -1 outlier), `locals` i32[n] (local
--- clusters inside the cameras, numbered so that no two cameras share a number), `cameras` i32[n], `scores` f32[n]
--- (node scores), `features` f32[n x d], `neighbours` (indices i32[n x k] and similarities f32[n x k], as
--- calr.cluster.knn gives them), and `epoch` (from 0), `epochs`, `seed`, `pace` (a function, see calr.refine.pace;
--- default: the one that the option pace names) and `options` (a table of the configuration, in which the options that
--- the rule declares are never missing). The labels that come back are i32[n]; numbers need not be free of gaps,
--- calr.refine.apply tidies them. `reasons` may be a table of text -> mask bool[n]: why images were discarded. They are
--- counted into the run's metrics, and kept for each image in its snapshots.
---
--- In place of labels a rule may return a table of `labels`, `reasons`, `weights` and `pivots`. The weights are f32[n],
--- how much each image counts in the training, or f32[n x clusters], how much of each image belongs to each cluster
--- (soft targets, in the numbers of the labels that are returned). The pivots are i32[n] or i64[n]: the row of the
--- image that each one was measured against, -1 for none; the run keeps them, so that `calr why` can show them.
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

local kind = { what = "refinement rule", field = "apply", arguments = "context" }

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

local function is_bundled(name)
  for _, rule in ipairs(bundled) do
    if rule[1] == name then return true end
  end
  return false
end

-- What a name, a path or a function stands for: apply and options.
local function find(name)
  if type(name) == "function" or type(name) == "table" then return userfile.check(name, kind, "the rule") end
  if userfile.is_path(name) then return userfile.load(name, kind) end
  if is_bundled(name) then return userfile.check(require("calr.refine." .. name), kind, name) end
  error(("there is no refinement rule \"%s\"%s; there are: %s, or give the path of a file of your own, such as "
    .. "./%s.lua"):format(tostring(name), suggest(name, (refine.names())), table.concat((refine.names()), ", "),
    tostring(name)), 0)
end

-- The values of declared options: those that are given, and the defaults of others. Whatever else is given can be read
-- as well; what is not is an error where the rule declares options, and nil where it declares none, unless the name is
-- nearly another's. One is looked up when it is asked for, since `calr refine` notes which ones are.
local function complete(given, options, prefix)
  local declares = next(options) ~= nil
  local function value_of(name)
    local value, default = given[name], options[name]
    if default == nil then return value end
    if config.is_group(default) then return complete(value or {}, default, prefix .. name .. ".") end
    return config.value(prefix .. name, default, value)
  end
  local function names()
    local list = {}
    for name in pairs(options) do list[#list + 1] = name end
    for name in pairs(given) do
      if options[name] == nil then list[#list + 1] = name end
    end
    return list
  end
  return setmetatable({}, {
    __index = function(_, name)
      local value = value_of(name)
      if value == nil and options[name] == nil and not has(given, name)
        and (declares or suggest(name, names()) ~= "") then
        unknown(prefix == "" and "the rule reads an option that it does not declare; its context.options has"
          or ("the group context.options.%s has"):format(prefix:sub(1, -2)), name, names)
      end
      return value
    end,
    __newindex = function(_, name)
      error(("a rule must not change its options (\"%s%s\")"):format(prefix, tostring(name)), 2)
    end,
    __pairs = function()
      local all = {}
      for name in pairs(options) do all[name] = value_of(name) end
      for name in pairs(given) do all[name] = value_of(name) end
      return next, all, nil
    end,
  })
end

local fields = { "global", "locals", "cameras", "scores", "features", "neighbours", "epoch", "epochs", "seed", "pace",
  "options" }
local known = {}
for _, name in ipairs(fields) do known[name] = true end

-- Fields that the script has left out are nil; others are no fields of a context.
local function guard(context, around)
  local before = type(around) == "table" and around.__index
  return setmetatable(context, { __index = function(_, name)
    if type(before) == "function" then before(context, name) end
    if not known[name] then unknown("a rule's context has", name, function() return { table.unpack(fields) } end) end
    return nil
  end })
end

-- A context with the same fields, the rule's options complete, and a pace.
local function completed(context, rule)
  local copy = {}
  for name, value in pairs(context) do copy[name] = value end
  copy.options = complete(context.options or {}, rule.options, "")
  local pace
  copy.pace = context.pace or function(...)
    pace = pace or refine.pace(copy.options.pace or "always", copy.options)
    return pace(...)
  end
  return guard(copy, getmetatable(context))
end

local loaded = setmetatable({}, { __mode = "k" }) -- what calr.refine.load has returned -> how messages call it

--- calr.refine.load(name)
--- A rule by its name, or by the path of a file of your own (anything with a slash, or that ends in .lua). A mistake in
--- the file is an error with its line.
--- @param name  string|function|table; such as "pivot", "none", "path/to/my_rule.lua", or what such a file returns
--- @return table  apply: function(context) -> labels, reasons, for which the declared options may be missing in the
---                context's; options: those that it declares (see calr.config.option)
function refine.load(name)
  if loaded[name] then return name end
  local rule = find(name)
  local result = {
    options = rule.options,
    apply = function(context) return rule.apply(completed(context, rule)) end,
  }
  loaded[result] = type(name) == "string" and "the refinement rule " .. name or "a refinement rule"
  return result
end

-- The options of a rule, marked as its own.
local function marked(options, name)
  local out = {}
  for option, default in pairs(options) do
    out[option] = config.declared_by(default, name)
  end
  return out
end

--- calr.refine.options()
--- The options of the rules that come with calr, and of what is common to all rules: for calr.config. Those of a rule
--- of your own come along with its path (calr.refine.declared).
--- @return table  name -> option
function refine.options()
  local all = marked({
    lone_clusters = config.option("outlier", "a cluster of which refinement leaves one image: an outlier, or a "
      .. "negative of the memory, as in the authors' code", { "outlier", "negative" }),
  }, "refine")
  for _, rule in ipairs(bundled) do
    for name, option in pairs(marked(find(rule[1]).options, rule[1])) do all[name] = option end
  end
  return all
end

--- calr.refine.declared(name)
--- @param name  of a rule
--- @return table|nil  the options that a rule of your own declares; nil for those that come with calr
function refine.declared(name)
  return userfile.is_path(name) and marked(find(name).options, name) or nil
end

-- The texts of a rule's reasons, sorted, and their masks by text. Rules written for calr 0.1 give masks u8.
local function check_reasons(reasons, n, what)
  if reasons == nil then return {}, {} end
  if type(reasons) ~= "table" then
    error(("the reasons of %s must be a table of text -> mask bool[%d], not %s"):format(what, n,
      form.text(reasons)), 0)
  end
  local texts, masks = {}, {}
  for text, mask in pairs(reasons) do
    if type(text) ~= "string" or not (form.is(mask, "bool", n) or form.is(mask, "u8", n)) then
      error(("the reasons of %s must be masks bool[%d] by their text; reason %q is %s"):format(what, n,
        tostring(text), form.text(mask)), 0)
    end
    texts[#texts + 1] = text
    masks[text] = mask:dtype() == "u8" and mask:ne(0) or mask
  end
  table.sort(texts)
  return texts, masks
end

local no_reason, alone = "no reason given", "alone in its cluster"

-- Why each discarded image went: its first reason, or what the rule left unsaid.
local function explain(global, out, tidy, reasons, pivots, what)
  local n = global:numel()
  local texts, counts, places, of = {}, {}, {}, T.full({ n }, -1, "i32")
  local open = global:ge(0) & tidy:lt(0)
  local function assign(text, mask)
    local chosen = open & mask
    if not counts[text] then
      texts[#texts + 1] = text
      counts[text], places[text] = 0, #texts - 1
    end
    counts[text] = counts[text] + chosen:count_nonzero():item()
    of = T.where(chosen, places[text], of)
    open = open & ~mask
  end
  local given, masks = check_reasons(reasons, n, what)
  for _, text in ipairs(given) do assign(text, masks[text]) end
  local kept = out:ge(0)
  for _, unsaid in ipairs { { alone, kept }, { no_reason, ~kept } } do
    if (open & unsaid[2]):any():item() then assign(table.unpack(unsaid)) end
  end
  return counts, { texts = texts, of = of, pivots = pivots }
end

-- What makes labels of what a rule has returned, where there is something.
local function remedy(out, n)
  if out == nil then return ": is its last line \"return labels\"?" end
  return (form.is(out, "i64", n) or form.is(out, "f32", n)) and ": labels:to \"i32\" converts them" or ""
end

-- What a rule gives in an epoch.
local function parts(rule, context, what)
  local out, reasons = rule.apply(context)
  if type(out) ~= "table" or out.labels == nil then return out, reasons end
  for name in pairs(out) do
    if name ~= "labels" and name ~= "weights" and name ~= "reasons" and name ~= "pivots" then
      error(("%s gives labels, weights, reasons and pivots; \"%s\" is none of them%s"):format(what, tostring(name),
        suggest(name, { "labels", "weights", "reasons", "pivots" })), 0)
    end
  end
  return out.labels, out.reasons, out.weights, out.pivots
end

-- Weights by image as they are; those by cluster with the columns of the tidied clusters.
local function tidy_weights(weights, out, tidy, what)
  local n = out:numel()
  if form.is(weights, "f32", n) then return weights end
  if not form.is(weights, "f32", n, nil) then
    error(("the weights of %s must be f32[%d] or f32[%d x clusters], not %s"):format(what, n, n,
      form.text(weights)), 0)
  end
  if weights:size(2) < labels.clusters(out) then
    error(("the weights of %s have %d columns; its labels are of %d clusters"):format(what, weights:size(2),
      labels.clusters(out)), 0)
  end
  return weights:index_select(2, labels.commonest(tidy, out)) -- the number that each tidied cluster had
end

-- The pivots that a rule tells of, as i32, or nil.
local function check_pivots(pivots, n, what)
  if pivots == nil then return nil end
  if not (form.is(pivots, "i32", n) or form.is(pivots, "i64", n)) then
    error(("the pivots of %s must be i32[%d] or i64[%d], not %s"):format(what, n, n, form.text(pivots)), 0)
  end
  if n > 0 and (pivots:min():item() < -1 or pivots:max():item() >= n) then
    error(("the pivots of %s must be rows from 0 to %d, or -1 for none"):format(what, n - 1), 0)
  end
  return pivots:to "i32"
end

local function apply(rule, context)
  rule = refine.load(rule)
  local what = loaded[rule]
  local out, reasons, weights, pivots = parts(rule, context, what)
  local n = context.global:numel()
  pivots = check_pivots(pivots, n, what)
  if not form.is(out, "i32", n) then
    error(("%s must return labels i32[%d], not %s%s"):format(what, n, form.text(out), remedy(out, n)), 0)
  end
  local keeps = context.options and context.options.lone_clusters == "negative"
  local tidy = labels.canonical(out, { min_size = keeps and 1 or 2 })
  local counts, why = explain(context.global, out, tidy, reasons, pivots, what)
  return tidy, counts, why, weights and tidy_weights(weights, out, tidy, what)
end

--- calr.refine.apply(rule, context)
--- Runs a rule and tidies what it returns: clusters numbered without gaps, those of fewer than two images outliers
--- (unless the option lone_clusters keeps them).
---
--- Discarded images are those of a global cluster that end as outliers. Each counts for one reason: the first, in the
--- order of the alphabet, whose mask has it; "alone in its cluster" when the rule kept it and nobody else; otherwise
--- "no reason given".
--- @param rule     function or a table; what calr.refine.load gives
--- @return tensor  i32[n]
--- @return table   text -> number of images discarded for that reason
--- @return table   why each image was discarded: `texts`, a list, and `of`, i32[n], places in it from 0, -1 for images
---                 that were not; and `pivots`, i32[n], where the rule tells them
--- @return tensor|nil  the weights, where the rule gives some: f32[n], or f32[n x clusters] in the tidied numbers
function refine.apply(rule, context)
  return phases.measure("refinement", apply, rule, context)
end

--- calr.refine.pace(name [, options])
--- How likely a wrong member is discarded, by epoch: "always" (1; what the authors' code runs) or "cosine"
--- (0.5 (1 + cos(pi epoch / (3 epochs)))), or the path of a file of your own (anything with a slash, or that ends in
--- .lua). Such a file returns a function(epoch, epochs) -> probability, or { options = {...}, apply = function(epoch,
--- epochs, options) ... end } with the options that it declares, as a rule does.
--- @param name     string|function; a name, a path, or such a function
--- @param options  table; of the configuration; what a pace declares may be missing
--- @return function  (epoch from 0, epochs) -> probability
function refine.pace(name, options)
  local pace = paces.load(name)
  local own = complete(options or {}, pace.options, "")
  return function(epoch, epochs) return pace.apply(epoch, epochs, own) end
end

--- calr.refine.reliability(labels, tight, loose [, {limit=, share=.9}])
--- Which images a clustering can be trusted with, by a tighter and a looser one of the same images: SpCL's independence
--- and compactness (Ge et al., NeurIPS 2020, section 3.3). A cluster is independent if the looser clustering hardly
--- enlarges it: the least disagreement of its images, 1 - |A and B| / |A or B|, is at most `limit`. An image is in the
--- compact core of its cluster if the tighter clustering takes it apart no more than any other image of the cluster.
--- Images stay for which both hold.
--- @param labels  i32[n]: the clusters, -1 for an outlier, which counts as a cluster of one image
--- @param tight   i32[n]: of the same images with a smaller radius
--- @param loose   i32[n]: with a larger one
--- @param limit   largest disagreement of an independent cluster; default: the one that `share` of the clusters of
---                several images do not exceed. SpCL keeps that of the first epoch for all epochs
--- @return tensor  bool[n]: the images that stay
--- @return number  the limit
function refine.reliability(labels_, tight, loose, options)
  return require("calr.refine.reliability").reliability(labels_, tight, loose, options)
end

return (arguments.counted("calr.refine.", refine))
