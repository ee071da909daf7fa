--- @module calr.weights.source
--- Finds the table of weights in whatever was saved: a file of PyTorch or safetensors, a run folder of calr, a table.
--- Behind calr.weights.read.

local folder = require "calr.run.folder"
local json = require "calr.json"
local pth = require "calr.pth"
local safetensors = require "calr.safetensors"
local sys = require "calr.sys"
local tensor = require "calr.tensor"
local words = require "calr.weights.words"

local source = {}

-- Where training scripts put the weights; of two tables of like size the first one counts.
local usual = { "state_dict", "model", "model_state_dict", "net", "network", "weights", "state_dict_ema", "model_ema",
  "teacher", "student" }
local place_of = {}
for i, name in ipairs(usual) do place_of[name] = i end

-- Tables of tensors that are no weights: the state of an optimiser and its like.
local function is_state(key)
  local name = key:lower()
  return name:find("optim", 1, true) or name:find("sched", 1, true) or name:find("scaler", 1, true)
end

-- Tables with tensors in them, at any depth: {path=, map=, count=, place=}.
local function tables_with_tensors(contents, path, depth, seen, list)
  if seen[contents] or depth > 6 then return list end
  seen[contents] = true
  local count, keys = 0, {}
  for name, value in pairs(contents) do
    if tensor.is(value) and type(name) == "string" then
      count = count + 1
    elseif type(value) == "table" and not is_state(tostring(name)) then
      keys[#keys + 1] = name
    end
  end
  if count > 0 then
    local last = path:match "[^/]*$"
    list[#list + 1] = { path = path, map = contents, count = count, place = path == "" and 0 or place_of[last] or 99 }
  end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for _, name in ipairs(keys) do
    local inner = path == "" and tostring(name) or path .. "/" .. tostring(name)
    tables_with_tensors(contents[name], inner, depth + 1, seen, list)
  end
  return list
end

local function step_into(contents, key, path)
  local at = contents
  for part in key:gmatch "[^/]+" do
    local next_one = at[part]
    if next_one == nil then next_one = at[math.tointeger(tonumber(part))] end
    if type(next_one) ~= "table" then
      error(("%s: there is no table \"%s\"; there are: %s"):format(path, key, words.list(at)), 0)
    end
    at = next_one
  end
  return at
end

local function holds_tensors(map)
  for name, value in pairs(map) do
    if type(name) == "string" and tensor.is(value) then return true end
  end
  return false
end

-- A value that was saved as an object of a class: calr.pth makes false of it.
local function whole_network(contents, path)
  local where = contents == false and "it holds" or nil
  for _, name in ipairs(type(contents) == "table" and usual or {}) do
    if contents[name] == false then where = where or ("\"%s\" is"):format(name) end
  end
  if not where then return end
  error(("%s: %s a whole network (torch.save(model), or TorchScript), which cannot be read without running its code; "
    .. "in PyTorch, save the state_dict: torch.save(model.state_dict(), \"weights.pth\")"):format(path, where), 0)
end

-- What to do about tensors of a kind that is not read, by PyTorch's function for them.
local kinds = {
  _rebuild_sparse_tensor = "a sparse tensor; save its to_dense()",
  _rebuild_sparse_csr_tensor = "a sparse tensor; save its to_dense()",
  _rebuild_qtensor = "a quantised tensor; save its dequantize()",
  _rebuild_meta_tensor_no_storage = "on the device meta, so the file has no numbers of it",
}

-- A weight that cannot be read must not be left out as if it were no weight.
local function check_read(unread, path)
  for _, name in ipairs(unread and words.in_order(unread) or {}) do
    error(("%s: \"%s\" is %s"):format(path, name, kinds[unread[name]]
      or ("a tensor of a kind that is not read (%s); save a plain copy of it, "):format(unread[name])
        .. "torch.empty_like(x).copy_(x.detach())"), 0)
  end
end

-- The table with the weights: the largest one, where it is not one of the usual names that has at least half as many.
local function choose(contents, path, unread)
  local list, most = tables_with_tensors(contents, "", 0, {}, {}), 0
  if #list == 0 then
    whole_network(contents, path)
    for _, tensors in pairs(unread) do check_read(tensors, path) end
    error(("%s: no weights were found; it holds: %s. Name the table that has them (--key NAME, or NAME/NAME), or save "
      .. "network.state_dict() in PyTorch: a whole network cannot be read"):format(path, words.list(contents)), 0)
  end
  for _, found in ipairs(list) do most = math.max(most, found.count) end
  local best
  for _, found in ipairs(list) do
    if 2 * found.count >= most and (not best or found.place < best.place
      or found.place == best.place and found.count > best.count) then
      best = found
    end
  end
  check_read(unread[best.map], path)
  return best.map, best.path ~= "" and best.path or nil
end

local function find(contents, key, path, unread)
  whole_network(contents ~= false and {} or contents, path)
  if type(contents) ~= "table" then
    local what = tensor.is(contents) and "single tensor" or type(contents)
    error(("%s: it holds a %s, not weights"):format(path, what), 0)
  end
  if not key then return choose(contents, path, unread) end
  local found = step_into(contents, key, path)
  check_read(unread[found], path)
  if not holds_tensors(found) then error(("%s: there are no tensors in \"%s\""):format(path, key), 0) end
  return found, key
end

-- A file of safetensors keeps no order of its own; what calr import-weights has written says it.
local function load_safetensors(path)
  local contents, metadata = safetensors.load(path)
  if next(contents) == nil then error(path .. ": there are no tensors in it", 0) end
  local ok, order = pcall(json.decode, metadata.order or "", path)
  return contents, ok and type(order) == "table" and { [contents] = order } or nil
end

--- calr.weights.source.open(from, key)
--- @param from  path of a file or of a run folder, or a table of tensors, which may lie in tables
--- @param key   string; the table that holds the weights
--- @return table   name -> tensor; the caller's own table
--- @return table   names in the order of the file, or of their numbers where a file keeps no order
--- @return string  for messages
--- @return string|nil  where in the file it was
--- @return string  "file": the names are in the file's order; "sorted": in that of their numbers
function source.open(from, key)
  local contents, orders, path, unread
  if type(from) == "table" then
    contents, path = from, "the table of weights"
  elseif type(from) == "string" then
    path = sys.is_folder(from) and folder.model(from) or from
    if path:match "%.safetensors$" then
      contents, orders = load_safetensors(path)
    else
      contents, orders, unread = pth.load(path)
    end
  else
    error(("weights are the path of a file or a table of tensors, not a %s"):format(type(from)), 0)
  end
  local found, where = find(contents, key, path, unread or {})
  local state, names = {}, {}
  for name, value in pairs(found) do
    if type(name) == "string" and tensor.is(value) then state[name] = value end
  end
  local order, listed = orders and orders[found] or words.in_order(state), {}
  for _, name in ipairs(order) do
    if state[name] and not listed[name] then names[#names + 1], listed[name] = name, true end
  end
  for _, name in ipairs(#names < words.count(state) and words.in_order(state) or {}) do
    if not listed[name] then names[#names + 1] = name end
  end
  return state, names, path, where, orders and orders[found] and "file" or "sorted"
end

return source
