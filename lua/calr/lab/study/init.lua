--- @module calr.lab.study
--- Studies: ablations, grids and searches that can be resumed and compared.
---
---     local S = calr.study "refinement" {
---       goal = "max mAP", seeds = {1, 2, 3, 4, 5, 6}, script = "calr.lua",
---       base = { data = "street.lmdb", epochs = 20 },
---     }
---     S:ablate { {"Baseline", refine = "none"}, {"+ refinement", refine = "pivot"} }
---     S:run()
---     S:table { rows = "label", columns = { "mAP", "rank1" }, versus = "Baseline" }
---
--- `calr study FILE.lua` runs it; the record is the folder studies/NAME. Run it again to continue: finished trials are
--- skipped, interrupted ones resume from their checkpoints. A trial is identified by its configuration, its seed, the
--- code that it runs and the data that it reads.
---
--- S.float, S.int, S.choice and S.zip describe values; S.median, S.asha, S.hyperband and S.wilcoxon are pruners; S.tpe,
--- S.gp, S.cmaes, S.nsga2, S.sobol and S.random are samplers. They are also fields of calr.study.

--- @class study: calr.study
--- What calr.study returns: its declarations (S:grid, S:ablate, S:search), its trials and its tables.

local absent = require "calr.options".absent
local check_options = require "calr.options".check
local code = require "calr.lab.study.code"
local config = require "calr.config"
local context = require "calr.context"
local counted = require "calr.options".counted
local current = require "calr.lab.study.current"
local errors = require "calr.errors"
local plan = require "calr.lab.study.plan"
local space = require "calr.lab.study.space"
local suggest = require "calr.options".suggest
local sys = require "calr.sys"
local sorted_keys = require "calr.tables".sorted_keys
local userfile = require "calr.userfile"

local study = { float = space.float, int = space.int, choice = space.choice, zip = space.zip }

-- A pruner or a sampler as a plan holds it: its name and options, checked when the search is declared.
local function described(name, options)
  if options ~= nil and type(options) ~= "table" then error(("S.%s takes a table of options"):format(name), 3) end
  local result = { name = name }
  for key, value in pairs(options or {}) do result[key] = value end
  return result
end

--- calr.study.median(options)
--- For `prune`: stops trials below the median of the others at the same step; see median below.
--- @return table
function study.median(options)
  return described("median", options)
end

--- calr.study.asha(options)
--- For `prune`: asynchronous successive halving, `S.asha { min = 5, eta = 4 }`; see asha below.
--- @return table
function study.asha(options)
  return described("asha", options)
end

--- calr.study.hyperband(options)
--- For `prune`: several successive halvings of different patience; see hyperband below.
--- @return table
function study.hyperband(options)
  return described("hyperband", options)
end

--- calr.study.wilcoxon(options)
--- For `prune`: ends the confirmation of a configuration once its seeds are significantly worse than those of the best
--- one; see wilcoxon below.
--- @return table
function study.wilcoxon(options)
  return described("wilcoxon", options)
end

--- calr.study.tpe([options])
--- For `sampler`: the tree-structured Parzen estimator, `S.tpe { startup = 20 }`; the same as {"tpe", startup = 20}.
--- See tpe below.
--- @return table
function study.tpe(options)
  return described("tpe", options)
end

--- calr.study.gp([options])
--- For `sampler`: a Gaussian process; see gp below.
--- @return table
function study.gp(options)
  return described("gp", options)
end

--- calr.study.cmaes([options])
--- For `sampler`: an evolution strategy, CMA-ES; see cmaes below.
--- @return table
function study.cmaes(options)
  return described("cmaes", options)
end

--- calr.study.nsga2([options])
--- For `sampler`: a genetic algorithm for two goals; see nsga2 below.
--- @return table
function study.nsga2(options)
  return described("nsga2", options)
end

--- calr.study.sobol([options])
--- For `sampler`: the points of Sobol's sequence; see sobol below.
--- @return table
function study.sobol(options)
  return described("sobol", options)
end

--- calr.study.random([options])
--- For `sampler`: points at random; see random below.
--- @return table
function study.random(options)
  return described("random", options)
end

local Study = {}
Study.__index = function(_, name)
  local found = rawget(Study, name) or rawget(study, name)
  if found == nil then -- a misspelt S.asah is an error with what was meant, not the call of a nil
    local known = {}
    for _, methods in ipairs { Study, study } do
      for field, value in pairs(methods) do known[field] = value end
    end
    absent("the study", known, name)
  end
  return found
end

local function goals_of(goal)
  local list = {}
  for i, text in ipairs(type(goal) == "table" and goal or { goal or "max mAP" }) do
    local direction, metric = tostring(text):match "^(%a+)%s+(%S+)$"
    if direction ~= "max" and direction ~= "min" then
      error(("a goal reads \"max mAP\" or \"min loss\", not \"%s\""):format(tostring(text)), 3)
    end
    list[i] = { metric = metric, direction = direction }
  end
  if #list == 0 or #list > 2 then error("a study has one goal or two", 3) end
  return list
end

local function seeds_of(seeds)
  if seeds == nil then return { 1 } end
  if type(seeds) ~= "table" or #seeds == 0 then error("seeds is a list of whole numbers: seeds = {1, 2, 3}", 3) end
  local seen = {}
  for _, seed in ipairs(seeds) do
    if not math.tointeger(seed) or seed < 0 then error(("\"%s\" is not a seed"):format(tostring(seed)), 3) end
    if seen[seed] then error(("seed %d is listed twice"):format(seed), 3) end
    seen[seed] = true
  end
  return seeds
end

-- key=value of the command line changes the base.
local function override(self, words)
  for _, word in ipairs(words) do
    local name, text = word:match "^([^=]+)=(.*)$"
    if not name then errors.usage("\"%s\" is not of the form key=value", word) end
    local defaults = self.options or plan.nested(self.base)
    if not self.options and self.base[name] == nil then
      errors.usage("the study has no option \"%s\" in its base%s", name, suggest(name, self:base_names()))
    end
    self.base[name] = nil
    local given = {} -- files in the base add options
    for key, old in pairs(self.options and self.base or {}) do
      if userfile.is_path(old) then given[key] = old end
    end
    given[name] = text
    local resolved = config.apply(defaults, given)
    local value = resolved
    for group in name:gmatch "[^.]+" do
      value = type(value) == "table" and value[group]
    end
    self.base[name] = value
  end
end

function Study:base_names()
  return sorted_keys(self.base)
end

local names_of_options = { "goal", "seeds", "base", "options", "script", "select", "data", "prepare" }

local function new(name, options)
  options = check_options("calr.study", options, names_of_options, 2)
  userfile.refuse_script "calr.study"
  local mode, here = current.mode(), context.current()
  local self = setmetatable({ name = name, goals = goals_of(options.goal), parts = {}, codes = {}, arguments = {},
    data = options.data, prepare = options.prepare, mode = mode, fingerprints = {} }, Study)
  self.seeds = mode.seeds or seeds_of(options.seeds)
  self.select = options.select and goals_of(options.select)[1]
  if options.script then
    if options.options then error("script and options cannot be combined: a script has its own options", 3) end
    self.script = require("calr.lab.study.script").find(options.script)
    self.options = require("calr.lab.study.script").options(self.script)
  else
    self.options = options.options
  end
  self.base = plan.flatten("calr.study: base", options.base or {})
  self.arguments = here.heard and {} or here.overrides
  override(self, self.arguments)
  here.heard = true
  plan.check_names(self, "calr.study: base", self.base)
  self.folder = mode.out or "studies/" .. name
  return self
end

-- Turns "file.lua:12: text" errors of the plan into errors at the user's line.
local function at_caller(fn, ...)
  local ok, result = pcall(fn, ...)
  if ok then return result end
  if type(result) ~= "string" then error(result, 0) end
  local library = sys.paths.lua -- positions in it help nobody
  while result:sub(1, #library) == library do result = result:gsub("^[^\n]-%.lua:%d+: ", "", 1) end
  error(result, 3)
end

-- S.grid{...} would take the table for the study.
local function check_study(self, name)
  if getmetatable(self) ~= Study then error(("write S:%s{...}, with a colon"):format(name), 3) end
end

--- study:ablate(rows)
--- Adds an ablation: every row runs with every seed, and none is pruned.
--- @param rows   list of {label, key = value, ...}: the differences from the base
--- @return study  itself
function Study:ablate(rows)
  check_study(self, "ablate")
  self.parts[#self.parts + 1] = at_caller(plan.ablation, self, rows)
  return self
end

--- study:grid(values)
--- Adds every combination of values, each with every seed.
--- @param values  name -> list of values (or S.int, S.choice, S.float with a step); S.zip{...} without a name;
---                `where`: function(config) -> boolean, the combinations to run
--- @return study  itself
function Study:grid(values)
  check_study(self, "grid")
  self.parts[#self.parts + 1] = at_caller(plan.grid, self, values)
  return self
end

--- study:search(values)
--- Adds a search: trials with the first seed, then the best `confirm` configurations with all seeds.
--- @param values  name -> S.float, S.int or S.choice; and `sampler` ("tpe", "gp", "cmaes", "nsga2", "sobol", "random",
---                "grid", the path of your own, {name, option = value}, or S.gp{option = value}), `trials`, `prune`
---                (S.asha{...}), `confirm`, `where` (function(config) -> boolean), `seed` (of the sampler; 1)
--- @return study  itself
function Study:search(values)
  check_study(self, "search")
  local part = at_caller(plan.search, self, values)
  self.parts[#self.parts + 1] = part
  if part.confirm > 0 then
    self.parts[#self.parts + 1] = { kind = "confirm", of = #self.parts, confirm = part.confirm }
  end
  return self
end

-- The fingerprint of the data that a configuration reads.
function Study:fingerprint(flat)
  if type(self.data) == "string" then return self.data end
  if type(self.data) == "function" then return tostring(self.data(plan.resolve(self, flat, self.seeds[1]))) end
  local path = flat.data
  if path == nil and self.options then path = plan.resolve(self, flat, self.seeds[1]).data end
  if type(path) ~= "string" then return nil end
  if not self.fingerprints[path] then
    if not sys.exists(path) then
      if not self.options or self.mode.kind == "dry-run" then return nil end
      errors.usage("there is no data set %s; make or import it first (calr data --help)", path)
    end
    local ok, data = pcall(function() return require("calr.data").open(path) end)
    self.fingerprints[path] = ok and data:fingerprint() or not sys.is_folder(path) and sys.hash_file(path) or "folder"
  end
  return self.fingerprints[path]
end

-- Runs the study's preparation, one process of this machine at a time.
local function prepare(self)
  local user = os.getenv "USER" or "user"
  local name = sys.hash(user .. " " .. sys.current_folder() .. " " .. self.folder):sub(1, 16)
  local path = ("%s/calr-prepare-%s.lock"):format(os.getenv "TMPDIR" or "/tmp", name)
  local lock
  repeat
    lock = sys.lock(path)
    if not lock then sys.sleep(0.3) end
  until lock
  local ok, problem = pcall(self.prepare, plan.resolve(self, self.base, self.seeds[1]))
  lock:release() -- the file stays: without it, two processes could each hold a lock
  if not ok then error(problem, 0) end
end

-- What runs of a script report (step:figures), and what every trial has.
local figures = { "mAP", "rank1", "rank5", "rank10", "mINP", "loss", "alignment", "silhouette", "clusters", "outliers",
  "precision", "recall", "f", "expansion", "hours" }

-- A goal that is nearly a figure's name is a slip: trials would run to their ends and then lack it.
local function check_goals(self)
  for _, goal in ipairs(self.goals) do
    local known = false
    for _, name in ipairs(figures) do known = known or name == goal.metric end
    local hint = known and "" or suggest(goal.metric, figures)
    if hint ~= "" then
      errors.usage("the goal \"%s %s\": runs report no \"%s\"%s; there are: %s, and what a script gives to "
        .. "run:finish", goal.direction, goal.metric, goal.metric, hint, table.concat(figures, ", "))
    end
  end
end

-- Once the function is known: sets data, code and rows, and checks every configuration before anything runs.
function Study:complete(fn)
  if self.script then check_goals(self) end
  if self.prepare and self.mode.kind ~= "dry-run" then prepare(self) end
  self.code = self.script and code.of_script(self.script) or code.of_function(fn)
  self.code_hash = code.hash(self.code)
  self.codes[self.code_hash] = self.code
  self.data_fingerprint = self:fingerprint(self.base)
  for _, part in ipairs(self.parts) do
    if part.entries then
      part.rows = {}
      for i, entry in ipairs(part.entries) do
        part.rows[i] = plan.row(self, entry.label, entry.changes)
        if self.options then plan.resolve(self, part.rows[i].config, self.seeds[1]) end
      end
    elseif part.space and self.options then
      local u = {}
      for i = 1, #part.space.parameters do u[i] = 0.5 end
      plan.resolve(self, plan.row(self, "", part.space:from_unit(u)).config, self.seeds[1])
    end
  end
end

--- study:run([fn])
--- Runs all unfinished trials, here or in several workers, and returns when none is left.
--- @param fn      function(trial), see trial below; absent if the study has a script
--- @return study  itself
function Study:run(fn)
  if self.script then
    if fn then error("a study with a script runs the script; leave the function out", 2) end
    fn = require("calr.lab.study.script").runner(self.script)
  elseif type(fn) ~= "function" then
    error("S:run needs the function of a trial: S:run(function(trial) ... end), or give the study a script", 2)
  end
  if self.mode.kind == "help" then self.mode.show(self.options or self.base) end
  if #self.parts == 0 then error("the study has nothing to run: add S:ablate, S:grid or S:search before S:run", 2) end
  self:complete(fn)
  self.ran = true
  require("calr.lab.study.execute")(self, fn)
  return self
end

--- study:table(options)
--- Prints a table of the results; see table below.
--- @param options  rows, columns, versus, part, format
--- @return study   itself
function Study:table(options)
  check_study(self, "table")
  if not self.ran then error("S:table comes after S:run", 2) end
  if self.mode.kind ~= "run" then return self end
  print((require("calr.lab.study.table").render(self:view(), options)))
  return self
end

--- study:view()
--- Returns all trials with their states and figures, as plain tables; see view below.
--- @return table
function Study:view()
  return require("calr.lab.study.view").read(self.folder)
end

--- calr.study(name){goal="max mAP", seeds=, base=, options=, script=, select=, data=, prepare=}
--- Declares a study: `local S = calr.study "name" { goal = "max mAP" }`.
--- @param name     letters, digits, - _ and .; the record is the folder studies/NAME unless --out says otherwise
--- @param goal     string, or a list: "max mAP" (default), "min loss", or two of them; every trial has the metric
---                 `hours`
--- @param seeds    list of integers; default {1}. `seed` in a trial's configuration is its seed
--- @param base     table; what all trials share: nested tables or dotted names; key=value on the command line changes
---                 it
--- @param options  table; declared options with their defaults, as for calr.config: a misspelt name or a wrong type is
---                 then an error before anything runs, and trial.config holds all of them. Without it, names are
---                 checked against the base and the options of calr.pipeline
--- @param script   string; the trials are runs of this script, with its options; S:run() then takes no function
--- @param select   string; "max silhouette": a label-free metric that picks the epoch for the columns
---                 "@select"
--- @param data     string, or function; fingerprint of the data, or function(config) -> fingerprint; default: that of
---                 the store or file named by the option `data`
--- @param prepare  function(config), called before anything else, by one process at a time, to create what is missing
--- @return study
local declare = {}
function declare.study(name)
  if type(name) ~= "string" or not name:match "^[%w_.-]+$" or name:match "^%.+$" then
    error("a study's name is made of letters, digits, - _ and .: calr.study \"refinement\" { ... }", 2)
  end
  local function study_of(options) return new(name, options) end
  return counted("calr.study(name)", { [""] = study_of })[""]
end
counted("calr.", declare)

setmetatable(study, { __call = function(_, ...) return declare.study(...) end })

counted("study:", Study)
return (counted("calr.study.", study))
