--- @module calr.pipeline.start
--- The weights that a run starts from. A run keeps them (RUN/start.safetensors), so that it can be resumed when the
--- file that they came from is gone or another.

local context = require "calr.context"
local opened = require "calr.pipeline.opened"
local progress = require "calr.progress"
local safetensors = require "calr.safetensors"
local sys = require "calr.sys"
local weights = require "calr.weights"

local start = {}

local given = setmetatable({}, { __mode = "k" }) -- cfg -> {net=, matched=}: loaded, and in no run's record yet

local function kept_file(run) return run .. "/start.safetensors" end

-- The weights that the run to be resumed has kept; nil when it has none, or they are of another network.
local function resumed(net)
  local current = context.current()
  local file = current.resume and not current.resumed and kept_file(current.resume)
  if not file or not sys.exists(file) then return false end
  return pcall(net.load_state, net, (safetensors.load(file)))
end

--- calr.pipeline.start.load(net, cfg)
--- Loads cfg.weights into a network and says what was matched, missing and left over; a resumed run takes what it has
--- kept.
function start.load(net, cfg)
  if (cfg.weights or "") == "" or resumed(net) then return end
  local matched = weights.load(net, cfg.weights, { rename = cfg.rename })
  given[cfg] = { net = net, matched = matched, from = cfg.weights }
  for line in matched.report:gmatch "[^\n]+" do progress.print("weights: " .. line) end
  local run = opened.run(cfg)
  if run then start.keep(cfg, run) end
end

--- calr.pipeline.start.keep(cfg, run)
--- Writes the loaded weights into the folder of a run that begins, and into its record what they were.
function start.keep(cfg, run)
  local loaded = given[cfg]
  if not loaded then return end
  given[cfg] = nil
  safetensors.save(kept_file(run.path), loaded.net:state(), { source = loaded.from })
  run:weights(loaded.from, loaded.matched)
end

return (require("calr.options").counted("calr.pipeline.start.", start))
