--- @module calr.vocabulary
--- The functions of tensors that are written in Lua, because they lose no speed by it: each is `calr.NAME(x, ...)`
--- and, where its first argument is a tensor, `x:NAME(...)`, like those in C. A page is loaded when one of its names
--- is first used.
---
--- To add one: write it into the page of its family, with a block of documentation above it, and name it in `pages`
--- below. The engine counts its arguments, and spreads a table of names at the end over them; a first argument called
--- x or a makes it a method too.

local sys = require "calr.sys"
local sorted_keys = require "calr.tables".sorted_keys
local tensor = require "calr.tensor"

local vocabulary = {}

-- Where each function is: lua/calr/vocabulary/PAGE.lua.
local pages = {
  allclose = "comparison",
  chunk = "shapes",
  diff = "order",
  einsum = "einsum",
  isclose = "comparison",
  is_floating_point = "types",
  is_tensor = "types",
  lstsq = "products",
  meshgrid = "shapes",
  outer = "products",
  quantile = "order",
  repeat_interleave = "order",
  split = "shapes",
  tensordot = "products",
  unbind = "shapes",
}

--- calr.vocabulary.names()
--- @return table  list of the names of all functions written in Lua, sorted
function vocabulary.names()
  return sorted_keys(pages)
end

local methods = debug.getregistry()["calr.tensor"].methods

-- The arguments of a function as messages show them: "x, dim, keepdim".
local function arguments_of(fn)
  local info, list = debug.getinfo(fn, "u"), {}
  for i = 1, info.nparams do list[i] = debug.getlocal(fn, i) end
  if info.isvararg then list[#list + 1] = "..." end
  return table.concat(list, ", ")
end

--- calr.vocabulary.find(known, name)
--- Called by the engine when a tensor, or calr.tensor, has no function of that name.
--- @param known  the table that lacks the name: the methods of tensors, or calr.tensor
--- @param name   string
--- @return function|nil
--- @return string|nil  the nearest name, where there is no such function: a method, if it is one alone
function vocabulary.find(known, name)
  local page = pages[name]
  if page then
    local fn = require("calr.vocabulary." .. page)[name]
    local takes, as_method = arguments_of(fn), known == methods
    if not as_method or takes:match "^[xa]%f[%W]" then
      return tensor._word(as_method and "tensor:" or "calr.", name, takes, fn)
    end
  end
  if known ~= methods and rawget(methods, name) then return nil, ("x:%s(...)"):format(name) end
  local names = vocabulary.names()
  for key in pairs(known) do names[#names + 1] = key end
  return nil, sys.nearest(name, names)
end

return vocabulary
