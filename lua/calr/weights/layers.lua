--- @module calr.weights.layers
--- Matches the layers of a file and of a network by what is in them, where their names tell nothing: behind
--- calr.weights.match. A layer's form is the names and the shapes of its own tensors (weight 64x3x7x7).

local layers = {}

--- calr.weights.layers.shape(tensor)
--- @return string  "64x3x7x7"
function layers.shape(tensor) return table.concat(tensor:shape(), "x") end

-- Layers in order: {name=, tensors = {last word -> full name}, form=}.
local function layers_of(state, names)
  local list, by_layer = {}, {}
  for _, name in ipairs(names) do
    local layer, last = name:match "^(.*[./])([^./]*)$"
    if not layer then layer, last = "", name end
    if not by_layer[layer] then
      by_layer[layer] = { name = layer, tensors = {}, words = {} }
      list[#list + 1] = by_layer[layer]
    end
    by_layer[layer].tensors[last] = name
    table.insert(by_layer[layer].words, last .. " " .. layers.shape(state[name]))
  end
  for _, layer in ipairs(list) do
    table.sort(layer.words)
    layer.form = table.concat(layer.words, ", ")
  end
  return list
end

-- Whether what is left at the end of a network is no more than a head.
local function is_head(rest, total) return rest <= 3 or 5 * rest <= total end

-- The same for the network's own layers after the first `count`: a head is a part of its own.
local function leaves_head(own_layers, count)
  local last, after = own_layers[count], own_layers[count + 1]
  return is_head(#own_layers - count, #own_layers)
    and not (after and after.name:match "^[^.]*" == last.name:match "^[^.]*")
end

-- The names of the network's first tensors -> those of the file, for the pairs of layers.
local function result(own_layers, partners, way)
  local map, count = {}, 0
  for i, layer in ipairs(partners) do
    for last, name in pairs(own_layers[i].tensors) do
      map[name], count = layer.tensors[last], count + 1
    end
  end
  return { map = map, named = count, fitting = count, prefix = partners[1].name, own_prefix = "", way = way }
end

-- Where the longest stretch of layers begins that is the same in both lists, and its length; nil when there are two.
local function longest_stretch(own_layers, list)
  local best, twice = { count = 0 }, false
  for a = 1, #own_layers do
    for b = 1, #list do
      local begins = a == 1 or b == 1 or own_layers[a - 1].form ~= list[b - 1].form
      local count = 0
      while begins and own_layers[a + count] and list[b + count]
        and own_layers[a + count].form == list[b + count].form do
        count = count + 1
      end
      if count > best.count then
        best, twice = { own = a, file = b, count = count }, false
      elseif count == best.count then
        twice = true
      end
    end
  end
  return not twice and best or nil
end

-- Layers by what they are in ("blocks.2.0."), in the order of the names: {name=, layers=, left=}.
local function groups_of(list)
  local groups, by_name = {}, {}
  for _, layer in ipairs(list) do
    local name = layer.name:match "^(.*[./])[^./]*[./]$" or ""
    if not by_name[name] then
      by_name[name] = { name = name, layers = {}, left = 0 }
      groups[#groups + 1] = by_name[name]
    end
    table.insert(by_name[name].layers, layer)
    by_name[name].left, layer.group = by_name[name].left + 1, by_name[name]
  end
  for _, group in ipairs(groups) do
    for _, other in ipairs(groups) do
      group.outer = group.outer or other ~= group and other.name:sub(1, #group.name) == group.name
    end
  end
  return groups
end

local function mark(layer)
  layer.taken, layer.group.left = true, layer.group.left - 1
end

-- The first layer of a group with a form that is not taken; nil when there is none, or when several have it whose names
-- differ in more than numbers, so that their order is unknown.
local function take(group, form)
  local found
  for _, layer in ipairs(group.layers) do
    if layer.form == form and not layer.taken then
      if found and found.name:gsub("%d+", "#") ~= layer.name:gsub("%d+", "#") then return nil end
      found = found or layer
    end
  end
  if found then mark(found) end
  return found
end

-- The next layer of the file for a form: in the group at hand; when that is used up, in the next one; else in one that
-- has others inside, such as the whole network with its stem.
local function next_layer(groups, at, form)
  local here = groups[at]
  local found = here and take(here, form)
  if found then return found, at end
  if not here or here.left == 0 or here.outer then
    for i, group in ipairs(groups) do
      if not group.outer and group.left == #group.layers then
        found = take(group, form)
        if found then return found, i end
        break
      end
    end
  end
  if here and here.left > 0 and not here.outer then return nil end
  for i, group in ipairs(groups) do
    found = group.outer and take(group, form)
    if found then return found, i end
  end
end

-- Whether a layer that was left over might as well have been taken for one that was, or is in a block like those that
-- were.
local function is_ambiguous(groups)
  local blocks = {}
  for _, group in ipairs(groups) do
    if group.left < #group.layers then blocks[(group.name:gsub("%d+", "#"))] = true end
  end
  for _, group in ipairs(groups) do
    local taken = {}
    for _, layer in ipairs(group.layers) do taken[layer.form] = taken[layer.form] or layer.taken end
    for _, layer in ipairs(group.layers) do
      if not layer.taken and taken[layer.form] then return true end
    end
    local kind = group.name:gsub("%d+", "#")
    if group.left == #group.layers and kind ~= group.name and blocks[kind] then return true end
  end
  return false
end

--- calr.weights.layers.by_order(own, state, names)
--- Matches layers that follow each other in the file as they do in the network: all but a head at the end of either.
--- @param own    table; state (name -> tensor) and names (in order) of the network
--- @param names  table; the file's names in the order of its layers
--- @return table|nil  as calr.weights.match has it; nil when there is no such stretch of layers, or more than one
function layers.by_order(own, state, names)
  local own_layers, list = layers_of(own.state, own.names), layers_of(state, names)
  local stretch = longest_stretch(own_layers, list)
  if not stretch or stretch.own ~= 1 or stretch.count < 2 or not leaves_head(own_layers, stretch.count) then
    return nil
  end
  local groups, partners = groups_of(list), table.move(list, stretch.file, stretch.file + stretch.count - 1, 1, {})
  for _, layer in ipairs(partners) do mark(layer) end
  return not is_ambiguous(groups) and result(own_layers, partners, "order") or nil
end

--- calr.weights.layers.by_groups(own, state, names)
--- Matches layers whose names are sorted, and not in the order of the network: blocks follow each other by their
--- numbers, and in a block layers of one form do. For files of safetensors, which keep no order.
--- @return table|nil  as calr.weights.layers.by_order
function layers.by_groups(own, state, names)
  local own_layers, list = layers_of(own.state, own.names), layers_of(state, names)
  local groups, partners, at = groups_of(list), {}, nil
  for i, layer in ipairs(own_layers) do
    partners[i], at = next_layer(groups, at, layer.form)
    if not partners[i] then break end
  end
  if #partners < 2 or not leaves_head(own_layers, #partners) or not is_head(#list - #partners, #list)
    or is_ambiguous(groups) then
    return nil
  end
  return result(own_layers, partners, "groups")
end

return layers
