--- @module calr.models.parts
--- Networks whose feature is made of parts of the body: behind calr.models.parts.

local T = require "calr.tensor"
local backbone = require "calr.models.backbone"
local nn = require "calr.nn"

local Parts = nn.class "Parts"

-- Rows first .. first+count-1 of a map of h rows for stripe i of `parts`, as PyTorch's adaptive pooling cuts: where the
-- height does not divide, neighbours share a row.
local function stripe(h, i, parts)
  local first = (i - 1) * h // parts
  return first + 1, (i * h + parts - 1) // parts - first
end

function Parts:forward(x, batch)
  local map, features = self:maps(x), {}
  local h = map:size(2)
  if h < self.stripes then
    error(("the maps of the network %s are %d pixels high and cannot be cut into %d stripes: give higher images, or "
      .. "last_stride=1"):format(self.name, h, self.stripes), 0)
  end
  if self.whole then features[1] = T.l2_normalize(self.whole(self.pool(map))) end
  for i = 1, self.stripes do
    local first, count = stripe(h, i, self.stripes)
    local pooled = self.pool(map:narrow(2, first, count):contiguous())
    features[#features + 1] = T.l2_normalize(self["part" .. i](pooled))
  end
  if batch then batch.parts = features end
  return T.l2_normalize(T.cat(features, 2))
end

-- The norm of a part, behind its reduction where there is one.
local function head(channels, reduction)
  if not reduction then return nn.batch_norm(channels, { bias = false }) end
  return nn.sequential(nn.linear(channels, reduction, { bias = false }), nn.batch_norm(reduction, { bias = false }))
end

-- base: a network of calr; o: parts, reduction (or false), whole, pooling, seed, init.
return function(base, o)
  if type(base.maps) ~= "function" then
    error(("calr.models.parts: the network %s has no maps to be cut"):format(base.name), 3)
  end
  local self = nn.new(Parts)
  for field, value in pairs(base) do
    if self[field] == nil then self[field] = value end
  end
  for _, method in ipairs { "maps", "maps_by_blocks" } do self[method] = base[method] end
  for _, child in ipairs(base.children) do
    if child.name ~= "pool" and child.name ~= "neck" then self:add(child.name, child.layer) end
  end
  self.neck, self.pairs = nil, base.pairs
  self:add("pool", backbone.pooling(o.pooling or "average"))
  local channels, width = base.dim, o.reduction or base.dim
  if o.whole then self:add("whole", head(channels, o.reduction)) end
  for i = 1, o.parts do self:add("part" .. i, head(channels, o.reduction)) end
  self.stripes, self.dim, self.name = o.parts, width * (o.parts + (o.whole and 1 or 0)), base.name .. "_parts"
  return o.init == false and self or self:init(o.seed)
end
