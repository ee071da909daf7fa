--- @module calr.lab.refine.watch
--- Tracks which Lua files a call loads, and when they change.

local sys = require "calr.sys"

local watch = {}

local Files = {}
Files.__index = Files

-- Modules to reload when they change: the user's, and of the library only the rules.
local function is_ours(name, path)
  return path:sub(1, #sys.paths.lua + 1) == sys.paths.lua .. "/" and not name:match "^calr%.refine%."
end

--- calr.lab.refine.watch.files()
--- @return files  an empty set of files
function watch.files()
  return setmetatable({ paths = {}, list = {}, modules = {} }, Files)
end

--- files:add(path)
--- Adds a file, which need not exist.
function Files:add(path)
  if self.paths[path] == nil then self.list[#self.list + 1] = path end
  self.paths[path] = self.paths[path] or false
end

-- The present state of a file: false if there is none.
local function state(path)
  local ok, hash = pcall(function() return sys.is_folder(path) and sys.stat(path).mtime or sys.hash_file(path) end)
  return ok and hash or false
end

--- files:call(fn, ...)
--- Calls fn(...), and adds the files of the modules required during the call, whether they load or not. It first
--- unloads the modules of the last call, so that they are read again.
--- @return any  the results of pcall(fn, ...)
function Files:call(fn, ...)
  for name in pairs(self.modules) do package.loaded[name] = nil end
  for _, path in ipairs(self.list) do self.paths[path] = state(path) end
  local function note(name)
    local path = package.searchpath(name, package.path)
    if path and not is_ours(name, path) then
      self.modules[name] = true
      if self.paths[path] == nil then self.list[#self.list + 1] = path end
      self.paths[path] = state(path)
    end
  end
  table.insert(package.searchers, 2, note) -- after the built-in ones
  local results = table.pack(pcall(fn, ...))
  for i, searcher in ipairs(package.searchers) do
    if searcher == note then table.remove(package.searchers, i) break end
  end
  return table.unpack(results, 1, results.n)
end

--- files:changed()
--- @return string|nil  the first file that has changed since the last call; nil if none has
function Files:changed()
  for _, path in ipairs(self.list) do
    if state(path) ~= self.paths[path] then return path end
  end
end

return watch
