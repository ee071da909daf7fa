--- @module calr.pipeline.needs
--- The files that a configuration names, before anything runs: data sets and weights. Rules, paces, networks and
--- optimisers of a user's own need no look here: calr.config loads them to know their options, and says what is wrong.

local folder = require "calr.run.folder"
local plain = require("calr.traceback").plain
local sys = require "calr.sys"

local needs = {}

local function store_problem(path)
  if not sys.exists(path) then
    return ("there is no data set %s; make or import it first (calr data --help)"):format(path)
  end
  local ok, problem = pcall(function() return require("calr.store").open(path):close() end)
  if not ok then return plain(problem) end
end

local function weights_problem(path)
  if not sys.exists(path) then return ("there are no weights %s"):format(path) end
  if not sys.is_folder(path) then return nil end
  local ok, problem = pcall(folder.model, path)
  if not ok then return plain(problem) end
end

local looks = { data = store_problem, source = store_problem, weights = weights_problem }

--- calr.pipeline.needs.missing(cfg)
--- @param cfg  table; a configuration; options that it lacks, and empty ones, need nothing
--- @return table  option -> what is wrong with the file that it names
function needs.missing(cfg)
  local found = {}
  for option, look in pairs(looks) do
    local path = rawget(cfg, option)
    if type(path) == "string" and path ~= "" then found[option] = look(path) end
  end
  return found
end

return (require("calr.options").counted("calr.pipeline.needs.", needs))
