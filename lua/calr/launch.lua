--- @module calr.launch
--- What `calr run` was told, for calr.config and calr.run: a table of
--- `script` (path), `overrides` (list of "key=value"), `out`, `resume` (folders), `quiet`, `help`, and `record` (the
--- run.json of the run that is resumed). Inside a study also `study` (what its command line said), `trial` (the trial
--- that runs), `values` (its options by name, instead of overrides) and `capture` (a function that calr.config hands
--- its defaults to).

local launch = { overrides = {} }

--- calr.launch.set(fields)
--- Replaces all fields.
function launch.set(fields)
  for key, value in pairs(launch) do
    if type(value) ~= "function" or key == "capture" then launch[key] = nil end
  end
  launch.overrides = {}
  for key, value in pairs(fields) do launch[key] = value end
end

--- calr.launch.with(fields, fn, ...)
--- Calls fn(...) with these fields, and puts the old ones back however it ends.
--- @return any  what pcall(fn, ...) returns
function launch.with(fields, fn, ...)
  local old = {}
  for key, value in pairs(launch) do
    if type(value) ~= "function" or key == "capture" then old[key] = value end
  end
  launch.set(fields)
  local results = table.pack(pcall(fn, ...))
  launch.set(old)
  return table.unpack(results, 1, results.n)
end

return launch
