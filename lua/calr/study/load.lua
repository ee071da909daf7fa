--- @module calr.study.load
--- Samplers and pruners by name, or from a Lua file of one's own.

local errors = require "calr.shell.errors"
local sys = require "calr.sys"

local load_part = {}

local function names(kind)
  local list = {}
  for _, file in ipairs(sys.list(sys.paths.lua .. "/calr/study/" .. kind)) do
    local name = file:match "^([%w_]+)%.lua$"
    if name and name ~= "init" then list[#list + 1] = name end
  end
  return list
end

local function find(kind, name)
  if name:match "%.lua$" then
    if not sys.exists(name) then errors.usage("there is no %s %s", kind, name) end
    local chunk, message = loadfile(name, "t")
    if not chunk then errors.fail("%s", message) end
    local make = chunk()
    if type(make) ~= "function" then errors.fail("%s must return a function that makes a %s", name, kind) end
    return make
  end
  for _, known in ipairs(names(kind)) do
    if known == name then return require(("calr.study.%s.%s"):format(kind, name)) end
  end
  local near = sys.nearest(name, names(kind))
  errors.usage("there is no %s \"%s\"%s; there are: %s, or the path of a Lua file", kind, name,
    near and (" (did you mean \"%s\"?)"):format(near) or "", table.concat(names(kind), ", "))
end

--- calr.study.load.sampler(name)
--- @param name       of a file in lua/calr/study/sampler, or a path that ends in .lua
--- @return function  (space, options) -> sampler with :ask(number) and :tell{...}
function load_part.sampler(name)
  return find("sampler", name)
end

--- calr.study.load.pruner(name)
--- @param name       of a file in lua/calr/study/pruner, or a path that ends in .lua
--- @return function  (options) -> pruner with :observe{...}, :judge{...} and :ended{...}
function load_part.pruner(name)
  return find("pruner", name)
end

return load_part
