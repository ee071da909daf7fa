--- @module calr.run.identity
--- Identifies a run: script, configuration, data, network, code, machine.

local folder = require "calr.run.folder"
local form = require "calr.form"
local json = require "calr.json"
local sys = require "calr.sys"

local identity = {}

--- calr.run.identity.script(path)
--- @return table  path (absolute), name (without folder and .lua), hash
function identity.script(path)
  if not path or path == "-" or not sys.exists(path) then return { name = "calr" } end
  return { path = sys.absolute(path), name = path:match "([^/]+)$":gsub("%.lua$", ""), hash = sys.hash_file(path) }
end

--- calr.run.identity.data(data)
--- @param data  a data set, a fingerprint, or nil
--- @return table|nil  fingerprint, and name and path if the data set has them
function identity.data(data)
  if data == nil then return nil end
  if type(data) == "string" then return { fingerprint = data } end
  local record = { fingerprint = data:fingerprint() }
  for _, key in ipairs { "name", "path" } do
    local ok, value = pcall(function() return data[key](data) end)
    if ok and type(value) == "string" then record[key] = value end
  end
  return record
end

--- calr.run.identity.model(network, from)
--- What a run's network is, for its record.
--- @param network  layer
--- @param from     string; the name or path that it was made by; nil: the script has built it
--- @return table   from ("script" for nil), class, dim, and tensors and hash as identity.network gives them
function identity.model(network, from)
  local meta, model = getmetatable(network), identity.network(network:state())
  model.from, model.dim = from or "script", network.dim
  if type(meta) == "table" and meta.__tostring then model.class = tostring(network) end
  return model
end

--- calr.run.identity.network(tensors)
--- @param tensors  tensors by name, or nil
--- @return table|nil  tensors (their number) and hash, over names, types and shapes
function identity.network(tensors)
  if tensors == nil then return nil end
  local lines = {}
  for name, tensor in pairs(tensors) do lines[#lines + 1] = name .. " " .. form.text(tensor) end
  table.sort(lines)
  return { tensors = #lines, hash = sys.hash(table.concat(lines, "\n")) }
end

local function add_folder(path, relative, parts)
  for _, name in ipairs(sys.list(path)) do
    local file, key = path .. "/" .. name, relative .. name
    if name:match "%.lua$" then
      parts[#parts + 1] = key .. " " .. sys.hash_file(file)
    elseif sys.is_folder(file) then
      add_folder(file, key .. "/", parts)
    end
  end
  return parts
end

--- calr.run.identity.code()
--- @return table  version, revision, and library: one hash over calr's Lua files
function identity.code()
  local parts = add_folder(sys.paths.lua .. "/calr", "", {})
  return { version = sys.version.calr, revision = sys.version.revision, lua = sys.version.lua,
    library = sys.hash(table.concat(parts, "\n")) }
end

local hashed = {} -- path -> {size=, mtime=, hash=}: a study asks for the same weights again and again

-- The hash of a file that may be large.
local function hash_once(path)
  local about, known = sys.stat(path), hashed[path]
  if not known or known.size ~= about.size or known.mtime ~= about.mtime then
    known = { size = about.size, mtime = about.mtime, hash = sys.hash_file(path) }
    hashed[path] = known
  end
  return known.hash
end

local weights_endings = { pth = true, pt = true, tar = true, safetensors = true, ckpt = true, bin = true }

-- The file whose contents an option's value stands for; nil when it stands for none.
local function file_behind(value)
  if sys.is_folder(value) then
    if not sys.exists(value .. "/run.json") then return nil end
    local ok, file = pcall(folder.model, value)
    return ok and file or nil
  end
  local ending = value:match "%.(%w+)$"
  return ending and (ending == "lua" or weights_endings[ending]) and sys.exists(value) and value or nil
end

--- calr.run.identity.files(config)
--- Returns the files that a configuration names: Lua files, such as the user's refinement rule, weights, and run
--- folders whose weights are taken.
--- @return table  path, as the configuration has it -> hash
function identity.files(config)
  local result = {}
  for _, value in pairs(config or {}) do
    if type(value) == "table" then
      for path, hash in pairs(identity.files(value)) do result[path] = hash end
    elseif type(value) == "string" and value ~= "" then
      local file = file_behind(value)
      if file then result[value] = hash_once(file) end
    end
  end
  return result
end

--- calr.run.identity.is_code(path)
--- @return boolean  whether a file that a configuration names is Lua, and not weights
function identity.is_code(path) return path:sub(-4) == ".lua" end

--- calr.run.identity.modules()
--- Returns the Lua modules in use that are not calr's own.
--- @return table  name -> hash
function identity.modules()
  local result = {}
  for name in pairs(package.loaded) do
    if not name:match "^calr%f[%W]" then
      local path = package.searchpath(name, package.path)
      if path then result[name] = sys.hash_file(path) end
    end
  end
  return result
end

--- calr.run.identity.machine()
--- @return table  host, processors, processor (its name), and the kernels in use: blas_core, conv, onednn_isa
function identity.machine()
  local info = sys.info()
  return { host = sys.hostname(), processors = sys.processors(), processor = info.cpu, blas_core = info.blas_core,
    conv = info.conv, onednn_isa = info.onednn_isa }
end

-- The first difference between two values, as "name: a instead of b".
local function compare(now, old, name)
  if type(now) == "table" and type(old) == "table" then
    local keys = {}
    for key in pairs(now) do keys[#keys + 1] = key end
    for key in pairs(old) do
      if now[key] == nil then keys[#keys + 1] = key end
    end
    table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
    for _, key in ipairs(keys) do
      local text = compare(now[key], old[key], name and name .. "." .. tostring(key) or tostring(key))
      if text then return text end
    end
  elseif now ~= old then
    local function show(value)
      if value == nil then return "nothing" end
      local ok, text = pcall(json.encode, value)
      return ok and text or tostring(value)
    end
    return ("%s is %s instead of %s"):format(name or "it", show(now), show(old))
  end
end

-- The configuration without options that the program that began the run did not have and that are at their defaults.
local function without_new(now, old, difference, prefix)
  local kept = {}
  for name, value in pairs(now) do
    local full = prefix .. name
    if type(value) == "table" and #value == 0 and (old[name] == nil or type(old[name]) == "table") then
      local group = without_new(value, old[name] or {}, difference, full .. ".")
      if old[name] or next(group) then kept[name] = group end
    elseif old[name] ~= nil or difference[full] ~= nil then
      kept[name] = value
    end
  end
  return kept
end

--- calr.run.identity.extension(now, old)
--- @return table|nil  from and to, when the only change of an option is that there are more epochs
function identity.extension(now, old)
  local from, to = (old.config or {}).epochs, (now.config or {}).epochs
  if not require("calr.config").grows("epochs", from, to) then return nil end
  return { from = from, to = to }
end

--- calr.run.identity.difference(now, old)
--- Says why a run cannot be resumed: script, configuration, threads, data or network differ. More epochs are no reason.
--- @return string|nil  nil if none does
function identity.difference(now, old)
  if old.script and old.script.hash ~= now.script.hash then return "the script has changed" end
  local config = json.decode(json.encode(now.config))
  if (old.model or {}).from == "script" and config.network then config.network = old.config.network end
  if identity.extension(now, old) then config.epochs = old.config.epochs end
  local option = compare(without_new(config, old.config or {}, now.difference or {}, ""), old.config)
  if option then return "option " .. option end
  for path, hash in pairs(now.files) do
    if identity.is_code(path) and (old.files or {})[path] ~= hash then
      return ("the file %s has changed"):format(path)
    end
  end
  for name, hash in pairs(old.modules or {}) do -- some are loaded later than this
    local path = package.searchpath(name, package.path)
    if not path or sys.hash_file(path) ~= hash then
      return ("the module %s %s"):format(name, path and "has changed" or "is gone")
    end
  end
  if now.threads ~= old.threads then
    return ("it ran on %d threads, not %d, and this number changes the last bits"):format(old.threads, now.threads)
  end
  if (now.data or {}).fingerprint ~= (old.data or {}).fingerprint then
    return ("the data differ (fingerprint %s instead of %s)"):format((now.data or {}).fingerprint or "none",
      (old.data or {}).fingerprint or "none")
  end
  if (now.network or {}).hash ~= (old.network or {}).hash then
    return ("the network differs (%d tensors, then %d)"):format((now.network or { tensors = 0 }).tensors,
      (old.network or { tensors = 0 }).tensors)
  end
end

--- calr.run.identity.changes(now, old)
--- Lists changes that may alter the last bits of the continuation but do not forbid it.
--- @return table  list of sentences
function identity.changes(now, old)
  local notes = {}
  for path, hash in pairs(old.files or {}) do
    if not identity.is_code(path) and now.files[path] ~= hash then
      notes[#notes + 1] = ("%s %s since the run began; the run goes on with the weights that it has kept"):format(path,
        now.files[path] and "has changed" or "is gone")
    end
  end
  table.sort(notes)
  if now.code.library ~= (old.code or {}).library then
    notes[#notes + 1] = "calr's Lua files have changed since the run began"
  end
  if now.code.revision ~= (old.code or {}).revision or now.code.version ~= (old.code or {}).version then
    notes[#notes + 1] = "the program is a different build from the one that began the run"
  end
  for _, key in ipairs { "processor", "blas_core", "conv", "onednn_isa" } do
    local was = (old.machine or {})[key]
    if now.machine[key] ~= was then
      notes[#notes + 1] = ("%s is %s, but was %s: the last bits of results may differ"):format(key,
        now.machine[key] or "none", was or "none")
    end
  end
  return notes
end

return identity
