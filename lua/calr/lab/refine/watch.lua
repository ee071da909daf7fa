--- @module calr.lab.refine.watch
--- Which Lua files a piece of work loads, and when they change.

local sys = require "calr.sys"

local watch = {}

local Files = {}
Files.__index = Files

-- Modules that are loaded anew when they change: all but the library's own, of which only the rules are.
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

-- What a file is now: false when there is none.
local function state(path)
  local ok, hash = pcall(function() return sys.is_folder(path) and sys.stat(path).mtime or sys.hash_file(path) end)
  return ok and hash or false
end

--- files:call(fn, ...)
--- Calls fn(...), and adds the files of the modules that are required meanwhile, whether they load or not. Before, the
--- modules of the last call are forgotten, so that they are read anew.
--- @return any  what pcall(fn, ...) returns
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
  table.insert(package.searchers, 2, note) -- after those that are built in
  local results = table.pack(pcall(fn, ...))
  for i, searcher in ipairs(package.searchers) do
    if searcher == note then table.remove(package.searchers, i) break end
  end
  return table.unpack(results, 1, results.n)
end

--- files:changed()
--- @return string|nil  the first file that is another than at the last call; nil when all are the same
function Files:changed()
  for _, path in ipairs(self.list) do
    if state(path) ~= self.paths[path] then return path end
  end
end

return watch
