-- The demonstration: generated data, the baseline and CALR, one table.
--
-- calr run experiments/demo.lua [dir=demo] [seed=1]
-- Everything goes into `dir`: the data, and a run folder for each experiment.
local calr = require "calr"
local sys, text = calr.sys, calr.text

local option = calr.config.option
local cfg = calr.config {
  dir = option("demo", "folder for the data and the runs"),
  seed = option(1, "of the data, the weights and the training"),
}

-- Runs this program again, as a user would, and says how.
local function calr_command(what)
  print("\n$ calr " .. what)
  local ok, _, status = os.execute(("%s %s"):format(sys.quote(sys.program()), what))
  if not ok then
    io.stderr:write(("demo: the command above failed (exit status %s)\n"):format(tostring(status)))
    os.exit(status == 130 and 130 or 1)
  end
end

local function last_metric(dir, field)
  local found
  for line in io.lines(dir .. "/metrics.jsonl") do
    local record = calr.json.decode(line)
    found = record[field] or found
  end
  return found
end

local started = sys.time()
sys.make_folder(cfg.dir)
local store = ("%s/street-%d.lmdb"):format(cfg.dir, cfg.seed)
local experiments = sys.paths().experiments
if not sys.exists(store) then
  calr_command(("data make street -o %s --seed %d"):format(sys.quote(store), cfg.seed))
end
calr_command("data info " .. sys.quote(store))
