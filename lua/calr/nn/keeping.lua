--- @module calr.nn.keeping
--- Whether a layer keeps a tensor beyond its forward pass: behind calr.nn.release. Nobody who writes a layer need say
--- so. Classes of this library keep nothing. What a class of a user's own could keep a tensor in is looked through: the
--- fields of the layer, and what its forward function reaches as variables outside it, globals included. A layer whose
--- forward function was replaced may do anything, and counts as one that keeps what it sees.

local Tensor = require "calr.tensor"
local sys = require "calr.sys"

local keeping = {}

local library = "@" .. sys.paths.lua .. "/calr/"
local known = setmetatable({}, { __mode = "k" }) -- function -> whether it is of this library, or of C

local function of_library(fn)
  local is = known[fn]
  if is == nil then
    local info = debug.getinfo(fn, "S")
    is = info.what == "C" or info.source:sub(1, #library) == library
    known[fn] = is
  end
  return is
end

local classes = setmetatable({}, { __mode = "k" }) -- class -> whether all its functions are of this library

-- Whether what a layer does is this library's work alone. Its forward function is looked at each time: classes can be
-- changed.
local function of_ours(layer)
  local class = getmetatable(layer)
  if classes[class] == nil then
    classes[class] = true
    for _, value in next, class do
      if type(value) == "function" and not of_library(value) then classes[class] = false end
    end
  end
  return classes[class] and of_library(layer.forward)
end

-- What is not looked into: the modules of Lua and of this library hold no tensor of a user's.
local function foreign()
  local set = {}
  for name, module in pairs(package.loaded) do
    if name ~= "_G" and (name:match "^calr%f[^%w_]" or type(_G[name]) == "table") then set[module] = true end
  end
  return set
end

-- Whether a value is a layer of this library; those inside it are asked one by one.
local function plain_layer(value)
  return rawget(value, "own_parameters") and rawget(value, "forward") == nil and type(value.forward) == "function"
    and of_ours(value)
end

local limit = 2000 -- values that are looked at; a layer that reaches more is taken to keep the tensor

local Search = {}
Search.__index = Search

-- Whether a value is the tensor, or leads to it.
function Search:finds(value)
  if rawequal(value, self.tensor) then return true end
  local kind = type(value)
  if kind == "thread" then return true end -- its variables cannot be seen from here
  if kind ~= "table" and kind ~= "function" then return false end
  self.seen = self.seen or foreign()
  if self.seen[value] then return false end
  self.seen[value] = true
  if kind == "function" then return not of_library(value) and self:reached_by(value) end
  if plain_layer(value) then return false end
  for key, item in next, value do
    self.left = self.left - 1
    if self.left < 0 or self:finds(item) or self:finds(key) then return true end
  end
  return false
end

-- Whether a function has the tensor among its variables outside it.
function Search:reached_by(fn)
  local i, name, value = 1, debug.getupvalue(fn, 1)
  while name do
    if self:finds(value) then return true end
    i = i + 1
    name, value = debug.getupvalue(fn, i)
  end
  return false
end

-- Layers that are of this library through and through -> the generation of networks in which that was seen. There is a
-- new generation whenever a forward function is replaced or a child added anywhere.
local plain, generation = setmetatable({}, { __mode = "k" }), 0

--- calr.nn.keeping.changed()
--- Says that some layer has got another forward function or another child: what was known of layers is looked at anew.
function keeping.changed()
  generation = generation + 1
end

-- Whether a layer, or one inside it, keeps the tensor; without a tensor, whether it might keep any. And whether all are
-- of this library.
local function keeps(layer, search)
  if plain[layer] == generation then return false, true end
  local promise = rawget(layer, "lets_go") -- of a function that stands in the place of a layer's forward
  if promise ~= nil then return not promise, false end
  local forward = layer.forward
  if rawget(layer, "forward") ~= nil or type(forward) ~= "function" then return true end
  local all_ours = of_ours(layer)
  if not all_ours and (not search.tensor or search:finds(layer) or search:finds(forward)) then return true end
  for _, child in ipairs(layer.children or {}) do
    local kept, ours = keeps(child.layer, search)
    if kept then return true end
    all_ours = all_ours and ours
  end
  if layer.wraps then
    local kept, ours = keeps(layer.wraps, search)
    if kept then return true end
    all_ours = all_ours and ours
  end
  if all_ours then plain[layer] = generation end
  return false, all_ours
end

--- calr.nn.keeping.finds(tensor, layer, ...)
--- @param tensor  tensor; nil: whatever it is
--- @return boolean  whether one of the layers keeps the tensor; true where that cannot be told
function keeping.finds(tensor, ...)
  local search = setmetatable({ tensor = tensor, left = limit }, Search)
  for i = 1, select("#", ...) do
    if (keeps((select(i, ...)), search)) then return true end
  end
  return false
end

--- calr.nn.keeping.release(x, result, from, to)
--- See calr.nn.release.
function keeping.release(x, result, from, to)
  if Tensor.is(x) and Tensor.is(result) and not rawequal(x, result) and not keeping.finds(x, from, to) then
    x:close()
  end
end

return keeping
