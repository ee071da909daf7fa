-- What tests/fuzz/calls.lua does not call, each with its reason.
local excluded = {}

local reasons = {
  -- ends, starts, stops or signals processes, or waits as long as it is told
  ["calr.sys.spawn"] = "starts programs",
  ["calr.sys.sleep"] = "waits",
  ["calr.process:kill"] = "signals processes",
  ["calr.process:wait"] = "waits",
  ["calr.host"] = "reads the terminal, and writes the history of the prompt",
  ["calr.terminal.keys"] = "changes the terminal",
  -- reaches outside the scratch folder, or changes what the whole process depends on
  ["calr.sys.change_folder"] = "leaves the scratch folder",
  ["calr.sys.setenv"] = "changes the environment",
  ["calr.sys.truncate"] = "makes files of any size, which then are read",
  ["calr.sys.threads"] = "starts up to 1024 threads",
  ["calr.autograd.set_recording"] = "turns recording off for good; that nothing else does so is checked every round",
  ["calr.meter.gemm"] = "takes minutes for large matrices; that is its purpose",
  ["calr.meter.stream"] = "the same for memory",
}

function excluded.has(name)
  return reasons[name] ~= nil
end

-- Modules of the Lua library whose functions compute and nothing else. Not calr.models: its networks take seconds each.
function excluded.library()
  return { "calr.nn", "calr.memory", "calr.batches", "calr.loss", "calr.optim", "calr.optim.schedule", "calr.text",
    "calr.statistics", "calr.options", "calr.config", "calr.weights", "calr.lab.cluster", "calr.json" }
end

return excluded
