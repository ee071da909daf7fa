--- @module calr.program.dry_run
--- What `calr run --dry-run` says of a script once its options are known: which differ from the defaults, and whether
--- the data sets, weights and files that they name are there.

local config = require "calr.config"
local needs = require "calr.pipeline.needs"
local sorted_keys = require "calr.tables".sorted_keys

--- calr.program.dry_run(defaults, fields) Prints it.
--- @param defaults  what the script gave calr.config
--- @param fields    of the command line: overrides, and record of a run to be resumed
--- @return integer  exit status: 1 when something is missing
return function(defaults, fields)
  if fields.out then require("calr.run.folder").check_new(fields.out) end
  local cfg = config.resolve(defaults, fields.overrides, fields.record and fields.record.config)
  local changed = config.difference(cfg)
  local names = sorted_keys(changed)
  for _, name in ipairs(names) do print(("%s=%s"):format(name, config.format(changed[name]))) end
  if #names == 0 then print "all options have their defaults" end
  local missing = needs.missing(cfg)
  for _, option in ipairs(sorted_keys(missing)) do print(("missing: %s (%s)"):format(missing[option], option)) end
  if next(missing) then return 1 end
  print "the data, weights and files that the options name are there; nothing was run"
  return 0
end
