--- @module calr.weights.match
--- Which tensor of a file belongs to which of a network: behind calr.weights.compare.
---
--- Three ways are tried, and the one that finds most tensors of the right shape is taken; of equals the first:
---
--- 1. by name, after a prefix of the file ("module.backbone.") and one of the network are taken off;
--- 2. by number: children of an nn.Sequential are called 0, 1, 4, ...; in that order they are the network's children,
---    if everything in them has the same names and shapes;
--- 3. by order: the layers follow each other with the same names of tensors and the same shapes, and they do so in one
---    way only. Names of layers do not count then. Where a file keeps no order, or a program has sorted its names, the
---    numbers in them give one.
---
--- The neck and the pooling, which every code base calls differently, are found by their usual names.

local counters = require "calr.weights.counters"
local layers = require "calr.weights.layers"
local words = require "calr.weights.words"

local match = {}

local shape_of = layers.shape

local function starts(name, prefix) return name:sub(1, #prefix) == prefix end

-- All prefixes of a name: "", "a.", "a.b."
local function prefixes_of(name)
  local list = { "" }
  for stop in name:gmatch "()[./]" do list[#list + 1] = name:sub(1, stop) end
  return list
end

-- Prefixes with at least `least` names, and their numbers of names.
local function common_prefixes(names, least)
  local count, list = {}, {}
  for _, name in ipairs(names) do
    for _, prefix in ipairs(prefixes_of(name)) do count[prefix] = (count[prefix] or 0) + 1 end
  end
  for prefix, n in pairs(count) do
    if n >= least then list[#list + 1] = prefix end
  end
  table.sort(list, function(a, b) return #a ~= #b and #a < #b or #a == #b and a < b end)
  return list
end

-- Copies of one network in a file: the first of these words decides.
local favourites = { "net", "encoder_q", "model", "student", "online", "teacher", "mean", "encoder_k", "ema" }
local function favour(prefix)
  for i, word in ipairs(favourites) do
    if ("." .. prefix):find("[./]" .. word .. "[./]") then return i end
  end
  return prefix == "" and 0 or #favourites + 1
end

local function is_optimizer(prefix) return prefix:lower():find("optim", 1, true) ~= nil end

-- own name -> file's name, and how many of them have the right shape.
local function pairs_by_prefix(own, state, own_prefix, prefix)
  local map, named, fitting = {}, 0, 0
  for name, tensor in pairs(own.state) do
    if starts(name, own_prefix) then
      local given = state[prefix .. name:sub(#own_prefix + 1)]
      if given then
        map[name], named = prefix .. name:sub(#own_prefix + 1), named + 1
        if shape_of(given) == shape_of(tensor) then fitting = fitting + 1 end
      end
    end
  end
  return { map = map, named = named, fitting = fitting, prefix = prefix, own_prefix = own_prefix, way = "name" }
end

-- Whether one way of naming is better than another, for a network of `total` tensors. While the shapes of less than
-- half of them are right, the number of names counts, so that what is said of the others is to the point.
local function better(a, b, total)
  if not b then return true end
  local a_fits, b_fits = 2 * a.fitting >= total and a.fitting or 0, 2 * b.fitting >= total and b.fitting or 0
  if a_fits ~= b_fits then return a_fits > b_fits end
  if a.named ~= b.named then return a.named > b.named end
  if a.fitting ~= b.fitting then return a.fitting > b.fitting end
  return favour(a.prefix) < favour(b.prefix)
end

local function by_name(own, state, _, file_prefixes, own_prefixes)
  local best
  for _, own_prefix in ipairs(own_prefixes) do
    for _, prefix in ipairs(file_prefixes) do
      local found = pairs_by_prefix(own, state, own_prefix, prefix)
      if found.named > 0 and better(found, best, #own.names) then best = found end
    end
  end
  return best
end

-- The children under a prefix in order: list of {name=, names = {rest -> full name}, count=}.
local function children_of(names, prefix)
  local list, by_child = {}, {}
  for _, name in ipairs(names) do
    local child, rest = name:sub(#prefix + 1):match "^([^./]+)[./](.+)$"
    if child and starts(name, prefix) then
      local entry = by_child[child]
      if not entry then
        entry = { name = child, names = {}, count = 0 }
        by_child[child], list[#list + 1] = entry, entry
      end
      entry.names[rest], entry.count = name, entry.count + 1
    end
  end
  return list
end

-- The children with numbers for names, in the order of these; nil where most tensors lie elsewhere.
local function numbered(children)
  local list, inside, all = {}, 0, 0
  for _, child in ipairs(children) do
    all = all + child.count
    if child.name:match "^%d+$" then list[#list + 1], inside = child, inside + child.count end
  end
  if #list < 2 or 2 * inside < all then return nil end
  table.sort(list, function(a, b) return tonumber(a.name) < tonumber(b.name) end)
  return list
end

-- Adds the pairs of two children that have the same names and shapes; whether they have.
local function add_child(own_child, child, own, state, map)
  if own_child.count ~= child.count then return false end
  for rest, name in pairs(own_child.names) do
    local other = child.names[rest]
    if not other or shape_of(own.state[name]) ~= shape_of(state[other]) then return false end
  end
  for rest, name in pairs(own_child.names) do map[name] = child.names[rest] end
  return true
end

-- Parts at the end of a network that other code bases lack or keep elsewhere.
local heads = { neck = true, pool = true, fc = true, classifier = true, head = true }

-- The fourth result: the names of the first two children that should be one and differ.
local function aligned(own, own_children, state, children)
  local map, fitting, last = {}, 0, 0
  for i, own_child in ipairs(own_children) do
    local child = children[i]
    if not child then break end
    if not add_child(own_child, child, own, state, map) then
      local differ = not heads[own_child.name] and { own_child.name, child.name } or nil
      return map, fitting, last, differ
    end
    fitting, last = fitting + own_child.count, i
  end
  return map, fitting, last
end

local function by_number(own, state, names, file_prefixes, own_prefixes)
  local best
  for _, own_prefix in ipairs(own_prefixes) do
    local own_children = children_of(own.names, own_prefix)
    for _, prefix in ipairs(file_prefixes) do
      local children = numbered(children_of(names, prefix))
      if children then
        local map, fitting, last, differ = aligned(own, own_children, state, children)
        local found = { map = map, named = fitting, fitting = fitting, prefix = prefix, own_prefix = own_prefix,
          way = "number", from = children, to = own_children, last = last, differ = differ }
        if last > 1 and better(found, best, #own.names) then best = found end
      end
    end
  end
  return best
end

-- What others call the neck (the batch norm of the features) and the exponent of generalised-mean pooling.
local aliases = {
  neck = { "neck", "bottleneck", "feat_bn", "bnneck", "bn_neck", "heads.bottleneck.0", "heads.bottleneck",
    "heads.bnneck", "head.bnneck" },
  pool = { "pool", "gap", "gem", "pooling", "pool_layer", "heads.pool_layer", "global_pool", "avgpool" },
}

-- The pairs of a head's tensors under one name of the file, or nil when a shape is another or nothing is there.
local function head_pairs(own, state, part, at)
  local map, found = {}, false
  for name, tensor in pairs(own.state) do
    if starts(name, part .. ".") then
      local given = state[at .. "." .. name:sub(#part + 2)]
      if given and shape_of(given) == shape_of(tensor) then
        map[name], found = at .. "." .. name:sub(#part + 2), true
      elseif name:sub(-5) ~= ".bias" then -- that of a neck is fixed at 0, and some do not save it
        return nil
      end
    end
  end
  return found and map or nil
end

-- part: "neck" or "pool", under the network's own prefix.
local function add_head(found, own, state, part)
  local own_part = found.own_prefix .. part
  for name in pairs(found.map) do
    if starts(name, own_part .. ".") then return end
  end
  local places = prefixes_of(found.prefix)
  for i = #places, 1, -1 do
    for _, alias in ipairs(aliases[part]) do
      local at = places[i] .. alias
      local map = head_pairs(own, state, own_part, at)
      if map then
        for name, other in pairs(map) do found.map[name], found.head_names[other] = other, true end
        if at ~= own_part then found.heads[#found.heads + 1] = ("%s from %s"):format(own_part, at) end
        return
      end
    end
  end
end

-- A network's own name stands for itself where nothing else was found for it.
local function add_same(found, own, state)
  for name, tensor in pairs(own.state) do
    if not found.map[name] then
      for _, place in ipairs(prefixes_of(found.prefix)) do
        local given = state[place .. name]
        if given and shape_of(given) == shape_of(tensor) then found.map[name] = place .. name end
      end
    end
  end
end

local function numbers_text(found)
  local from, to = {}, {}
  for i = 1, found.last do
    from[i], to[i] = found.from[i].name, found.to[i].name
  end
  return ("children %s taken as %s"):format(table.concat(from, ", "), table.concat(to, ", "))
end

local function how_text(found)
  local texts = {}
  if found.way == "order" or found.way == "groups" then
    texts[1] = found.way == "order" and "by the order and the shapes of the layers, whose names differ"
      or "by the numbers of the blocks and the shapes of the layers, whose names differ"
  else
    if found.prefix ~= "" then texts[#texts + 1] = ("names after \"%s\""):format(found.prefix) end
    if found.own_prefix ~= "" then texts[#texts + 1] = ("put under \"%s\""):format(found.own_prefix) end
    if found.way == "number" then texts[#texts + 1] = numbers_text(found) end
  end
  table.move(found.heads, 1, #found.heads, #texts + 1, texts)
  return table.concat(texts, "; ")
end

-- The names of a network's tensors in the order in which its layers were added, where it is made of them.
local function ordered_names(net, state)
  local names, seen = {}, {}
  local function add(name)
    if state[name] and not seen[name] then names[#names + 1], seen[name] = name, true end
  end
  local function walk(layer, prefix)
    for _, list in ipairs { layer.own_parameters, layer.own_buffers } do
      for _, entry in ipairs(list) do add(prefix .. entry.name) end
    end
    for _, child in ipairs(layer.children) do walk(child.layer, prefix .. child.name .. ".") end
  end
  if type(net.children) == "table" and type(net.own_parameters) == "table" then
    walk(net, "")
  else
    for _, parameter in ipairs(net:parameters()) do add(parameter.name) end
  end
  local rest = {}
  for name in pairs(state) do
    if not seen[name] then rest[#rest + 1] = name end
  end
  table.sort(rest)
  for _, name in ipairs(rest) do add(name) end
  return names
end

-- Counters of passes are no weights, by which ways are compared; those of the file are taken where their names say so.
local function add_counters(found, names, state)
  for name in pairs(names) do
    local inner = starts(name, found.own_prefix) and found.prefix .. name:sub(#found.own_prefix + 1) or name
    local given = state[inner]
    if given and shape_of(given) == "1" then found.map[name] = inner end
  end
end

-- Adds what one way leaves out, and counts anew.
local function complete(found, own, state)
  found.heads, found.head_names = {}, {}
  add_same(found, own, state)
  for _, part in ipairs { "neck", "pool" } do add_head(found, own, state, part) end
  found.fitting = 0
  for name, other in pairs(found.map) do
    if shape_of(own.state[name]) == shape_of(state[other]) then found.fitting = found.fitting + 1 end
  end
end

local function by_their_numbers(names)
  local set = {}
  for _, name in ipairs(names) do set[name] = true end
  return words.in_order(set)
end

--- calr.weights.match.find(net, state, names, order)
--- @param state  table; name -> tensor, of a file
--- @param names  table; its names
--- @param order  string; "file": they are in the order of the layers, "sorted": in that of their numbers; nil: neither
--- @return table|nil  map (the network's name -> the file's), how (a text), way, prefix, named and
---                    fitting (the numbers of pairs, and of those with one shape), head_names (the file's names of neck
---                    and pooling -> true), and where children that are counted differ: differ (both names); nil when
---                    nothing belongs together
function match.find(net, state, names, order)
  local own, counting, in_file = { state = {} }, counters.of(net), counters.among(net, state)
  for name, tensor in pairs(net:state()) do
    if not counting[name] then own.state[name] = tensor end
  end
  own.names = ordered_names(net, own.state)
  local file_prefixes, usable = {}, {}
  for _, name in ipairs(names) do
    if not is_optimizer(name) and not in_file[name] then usable[#usable + 1] = name end
  end
  local least = math.max(1, math.min(#usable, #own.names) // 10)
  for _, prefix in ipairs(common_prefixes(usable, least)) do file_prefixes[#file_prefixes + 1] = prefix end
  local own_prefixes = common_prefixes(own.names, math.max(1, #own.names // 2))
  local best
  local function try(list, ways)
    for _, way in ipairs(ways) do
      local found = way(own, state, list, file_prefixes, own_prefixes)
      if found then
        complete(found, own, state)
        if not best or found.fitting > best.fitting then best = found end
      end
    end
  end
  try(usable, { by_name, by_number, order and layers.by_order })
  if order == "sorted" then try(usable, { layers.by_groups }) end
  if order == "file" and (not best or 2 * best.fitting < #own.names) then -- a program may have sorted the names
    try(by_their_numbers(usable), { layers.by_order, layers.by_groups })
  end
  if best then
    add_counters(best, counting, state)
    best.how = how_text(best)
  end
  return best
end

return match
