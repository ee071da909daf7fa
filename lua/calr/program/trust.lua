--- @module calr.program.trust
--- Decides whether the code that a folder names may run. `calr run --resume`, `calr work` and `calr submit` run the
--- script that the record of a run or a study names; that is their purpose. A folder from somebody else must not choose
--- the code.

local errors = require "calr.errors"
local sys = require "calr.sys"

local trust = {}

local function inside(path, folder)
  return path:sub(1, #folder + 1) == folder .. "/"
end

--- calr.program.trust.check(folder, script, fields)
--- Ends the program with an explanation when the folder belongs to another user, or holds the script itself, as an
--- unpacked archive would.
--- @param folder  of the run or the study
--- @param script  path in its record
--- @param fields  words of the command line: `trust` (--trust was given), `script` (the user named the script)
function trust.check(folder, script, fields)
  if fields.trust then return end
  local why
  if not sys.stat(folder).own then
    why = "belongs to another user"
  elseif not fields.script and sys.exists(script) and inside(sys.absolute(script), sys.absolute(folder)) then
    why = "holds the script itself"
  end
  if why then
    errors.usage("%s %s, and its record would run %s. Read that script, then add --trust to run it", folder, why,
      script)
  end
end

--- calr.program.trust.check_links(folder)
--- Ends the program when a file to be written is a symbolic link, which may lead anywhere.
function trust.check_links(folder)
  for _, name in ipairs { "run.json", "metrics.jsonl", "timing.jsonl", "log.txt", ".lock", "start.safetensors",
    "model.safetensors", "checkpoints", "snapshots", "tensorboard", "queries.csv" } do
    local path = folder .. "/" .. name
    local about = sys.stat(path)
    if about and about.link then
      errors.usage("%s is a symbolic link, and its target would be overwritten; put the %s itself in its place",
        path, about.kind)
    end
  end
end

return trust
