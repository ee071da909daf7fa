--- @module calr.weights
--- Loads pretrained weights into a network, from files of PyTorch (.pth, .pt) or safetensors.
---
--- Names must match, so the networks of calr.models use the names of torchvision (ResNets), of the authors of IBN-Net,
--- and of torchreid (OSNet). A classifier in the file, and parts of the network missing in the file (neck, pooling
--- exponent), are skipped; any other mismatch is an error.

local pth = require "calr.pth"
local safetensors = require "calr.safetensors"
local tensor = require "calr.tensor"

local weights = {}

local function sorted_names(map)
  local names = {}
  for name in pairs(map) do
    if type(name) == "string" then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

-- Tensors right in a table, by names.
local function tensors_of(map)
  local found, count = {}, 0
  for name, value in pairs(map) do
    if type(name) == "string" and tensor.is(value) then
      found[name], count = value, count + 1
    end
  end
  return found, count
end

local function describe(map)
  local words = {}
  for i, name in ipairs(sorted_names(map)) do
    if i > 8 then
      words[i] = "..."
      break
    end
    words[i] = name
  end
  return #words > 0 and table.concat(words, ", ") or "nothing with a name"
end

-- Where training scripts put the weights, besides the top level.
local usual = { "state_dict", "model", "model_state_dict", "net", "network", "state_dict_ema", "teacher", "student" }

local function step_into(contents, key, path)
  local at = contents
  for part in key:gmatch "[^/]+" do
    local next_one = at[part]
    if next_one == nil then next_one = at[math.tointeger(tonumber(part))] end
    if type(next_one) ~= "table" then
      error(("%s: there is no table \"%s\"; there are: %s"):format(path, key, describe(at)), 0)
    end
    at = next_one
  end
  return at
end

local function find(contents, key, path)
  if type(contents) == "boolean" then -- what calr.pth makes of an object of a class that it does not know
    error(("%s: it holds a whole network (torch.save(model), or TorchScript), which cannot be read without running its "
      .. "code; in PyTorch, save the state_dict: torch.save(model.state_dict(), \"weights.pth\")"):format(path), 0)
  end
  if type(contents) ~= "table" then
    local what = tensor.is(contents) and "single tensor" or type(contents)
    error(("%s: it holds a %s, not weights"):format(path, what), 0)
  end
  if key then
    local found, count = tensors_of(step_into(contents, key, path))
    if count == 0 then error(("%s: there are no tensors in \"%s\""):format(path, key), 0) end
    return found, key
  end
  local found, count = tensors_of(contents)
  if count > 0 then return found, nil end
  for _, name in ipairs(usual) do
    if type(contents[name]) == "table" then
      found, count = tensors_of(contents[name])
      if count > 0 then return found, name end
    end
  end
  error(("%s: no weights were found; it holds: %s. Name the table that has them (--key NAME, or NAME/NAME), or save "
    .. "network.state_dict() in PyTorch: a whole network cannot be read"):format(path, describe(contents)), 0)
end

-- Prefixes that DataParallel and training frameworks put before every name.
local prefixes = { "module.", "model.", "backbone.", "base." }

local function strip(state, prefix)
  local stripped = {}
  for name, value in pairs(state) do
    if name:sub(1, #prefix) ~= prefix then return nil end
    stripped[name:sub(#prefix + 1)] = value
  end
  return stripped
end

--- calr.weights.read(path [, {key=, strip=}])
--- Reads a file of weights: .safetensors by its extension, anything else as a PyTorch file. It looks for the table of
--- names at the top level and in the usual places; it drops "module." and the like before all names, and the counters
--- of PyTorch's batch norms (num_batches_tracked).
--- @param key    the table that holds the weights, such as "state_dict" or "models/student"
--- @param strip  prefix to drop from all names, instead of the usual ones
--- @return table   name -> tensor
--- @return table   what was done: {key=, stripped={...}, counters=number}
function weights.read(path, options)
  options = require("calr.options").check("calr.weights.read", options, { "key", "strip" })
  local state, key
  if path:match "%.safetensors$" then
    state = safetensors.load(path)
    if next(state) == nil then error(path .. ": there are no tensors in it", 0) end
  else
    state, key = find(pth.load(path), options.key, path)
  end
  local about = { key = key, stripped = {}, counters = 0 }
  if options.strip then
    state = strip(state, options.strip)
      or error(("%s: not all names begin with \"%s\": %s"):format(path, options.strip, describe(state)), 0)
    about.stripped[1] = options.strip
  else
    local again = true
    while again do
      again = false
      for _, prefix in ipairs(prefixes) do
        local stripped = strip(state, prefix)
        if stripped then
          state, again = stripped, true
          about.stripped[#about.stripped + 1] = prefix
        end
      end
    end
  end
  for name in pairs(state) do
    if name:match "num_batches_tracked$" then
      state[name], about.counters = nil, about.counters + 1
    end
  end
  return state, about
end

local function top(name)
  return name:match "^[^.]+"
end

-- Names of `of` without a partner in `other`; raises when a part (the first word of the name) has both kinds.
local function left_over(of, other, message)
  local shared, list = {}, {}
  for name in pairs(of) do
    if other[name] then shared[top(name)] = true end
  end
  for _, name in ipairs(sorted_names(of)) do
    if not other[name] then
      if shared[top(name)] then error(message:format(name), 0) end
      list[#list + 1] = name
    end
  end
  return list
end

--- calr.weights.compare(net, state)
--- Checks whether a state fits a network, without changing it. A part of the network or of the file (conv1, layer1, fc:
--- the first word of a name) must fit as a whole or be absent as a whole. An error says what does not fit.
--- @return table  {loaded = names in both, missing = names of the network only, unused = names of the file only}
function weights.compare(net, state)
  local own, loaded = net:state(), {}
  for _, name in ipairs(sorted_names(own)) do
    local given = state[name]
    if given then
      if table.concat(given:shape(), " x ") ~= table.concat(own[name]:shape(), " x ") then
        error(("%s is %s in the file and %s in the network"):format(name, tostring(given), tostring(own[name])), 0)
      end
      loaded[#loaded + 1] = name
    end
  end
  if #loaded == 0 then
    error(("no name of the file is one of the network's: the file has %s; the network has %s"):format(describe(state),
      describe(own)), 0)
  end
  return {
    loaded = loaded,
    missing = left_over(own, state, "the file lacks %s, though it has other tensors of that part"),
    unused = left_over(state, own,
      "the file has %s, which the network lacks, though it has other tensors of that part"),
  }
end

--- calr.weights.load(net, path [, {key=, strip=}])
--- Loads a file's weights into a network; if they do not fit, nothing is changed.
--- @return table  as calr.weights.compare
function weights.load(net, path, options)
  local state = weights.read(path, options)
  local ok, matched = pcall(weights.compare, net, state)
  if not ok then
    error(("%s does not fit the network %s: %s"):format(path, net.name or "given", tostring(matched)), 0)
  end
  local own = net:state()
  for _, name in ipairs(matched.loaded) do
    local given = state[name]
    given = given:detach() -- only the numbers are copied
    own[name]:copy(given:dtype() == own[name]:dtype() and given or given:to(own[name]:dtype()))
  end
  return matched
end

return (require("calr.options").counted("calr.weights.", weights))
