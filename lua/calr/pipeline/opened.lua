--- @module calr.pipeline.opened
--- The run that belongs to a configuration, for whatever has something to say about it.

local opened = {}

local runs = setmetatable({}, { __mode = "k" })

--- calr.pipeline.opened.run(cfg)
--- @return run|nil  nil when calr.pipeline.run_of has not opened one yet, or it has been closed
function opened.run(cfg)
  local run = runs[cfg]
  return run and not run.closed and run or nil
end

--- calr.pipeline.opened.put(cfg, run)
--- Remembers the run of a configuration.
function opened.put(cfg, run)
  runs[cfg] = run
end

--- calr.pipeline.opened.get(cfg)
--- @return run|nil  closed or not
function opened.get(cfg)
  return runs[cfg]
end

return (require("calr.options").counted("calr.pipeline.opened.", opened))
