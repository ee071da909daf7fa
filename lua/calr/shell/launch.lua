--- @module calr.shell.launch
--- What `calr run` was told, for calr.config and calr.run: a table of
--- `script` (path), `overrides` (list of "key=value"), `out`, `resume` (folders), `quiet`, `help`, and `record` (the
--- run.json of the run that is resumed).

local launch = { overrides = {} }

--- calr.shell.launch.set(fields)
--- Replaces all fields.
function launch.set(fields)
  for key, value in pairs(launch) do
    if type(value) ~= "function" then launch[key] = nil end
  end
  launch.overrides = {}
  for key, value in pairs(fields) do launch[key] = value end
end

return launch
