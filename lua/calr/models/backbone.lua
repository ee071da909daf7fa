--- @module calr.models.backbone
--- What the networks of calr share: the options that all of them take, the head that makes a feature of a map, and
--- blocks that may be computed twice to save memory.

local T = require "calr.tensor"
local check_options = require("calr.options").check
local nn = require "calr.nn"

local backbone = {}

local poolings = { gem = function() return nn.gem() end, average = function() return nn.avg_pool() end }

--- calr.models.backbone.pooling(name)
--- @param name  "gem" (also for nil) or "average"
--- @return layer  [n x h x w x c] -> [n x c]
function backbone.pooling(name)
  local make = poolings[name or "gem"]
  if not make then error(("pooling \"%s\" is not known; there are: gem, average"):format(tostring(name)), 4) end
  return make()
end

--- calr.models.backbone.precision(name)
--- @return string  "f32" (also for nil) or "bf16"; an error for anything else
function backbone.precision(name)
  local precision = name or "f32"
  if precision ~= "f32" and precision ~= "bf16" then
    error(("precision \"%s\" is not known; there are: f32, bf16"):format(tostring(precision)), 4)
  end
  return precision
end

--- calr.models.backbone.checkpoint(value)
--- @return boolean|string  true, false, nil or "blocks" as they are; an error for anything else
function backbone.checkpoint(value)
  if value and value ~= true and value ~= "blocks" then
    error(("checkpoint must be true, false or \"blocks\", not %s"):format(tostring(value)), 4)
  end
  return value
end

local Network = nn.class "Network"

--- calr.models.backbone.new(name, options, more)
--- A network without layers, with the options of all networks checked.
--- @param options  table or nil: pooling, last_stride, seed, init, checkpoint, precision, ibn (which must be false),
---                 and what `more` names
--- @param more     list of further options
--- @return network
--- @return table  the options
function backbone.new(name, options, more)
  local known = { "pooling", "last_stride", "ibn", "seed", "init", "checkpoint", "precision" }
  for _, option in ipairs(more or {}) do known[#known + 1] = option end
  local o = check_options("calr.models." .. name, options, known)
  if o.ibn then error(("calr.models.%s has no variant with instance norm (ibn)"):format(name), 3) end
  if o.last_stride and o.last_stride ~= 1 and o.last_stride ~= 2 then
    error(("calr.models.%s: last_stride must be 1 or 2, not %s"):format(name, tostring(o.last_stride)), 3)
  end
  local self = nn.new(Network)
  self.name, self.precision, self.checkpoint = name, backbone.precision(o.precision), backbone.checkpoint(o.checkpoint)
  self.made_pool = backbone.pooling(o.pooling)
  return self, o
end

--- calr.models.backbone.finish(self, channels, blocks, options)
--- Adds pooling and neck behind the layers, and random weights where they are wanted.
--- @param channels  of the maps
--- @param blocks    function(self) -> list of layers: images to maps
--- @return network
function backbone.finish(self, channels, blocks, options)
  self.blocks = blocks
  self:add("pool", self.made_pool)
  self.made_pool = nil
  self:add("neck", nn.batch_norm(channels, { bias = false }))
  self.dim = channels
  return options.init == false and self or self:init(options.seed)
end

function Network:maps(x)
  if self.convert then x = T.addcmul(self.convert.shift, x, self.convert.scale) end
  if self.precision == "bf16" then x = x:to "bf16" end
  local list = self:blocks()
  if self.checkpoint and self.training then
    for i, block in ipairs(list) do list[i] = nn.checkpointed(block) end
  end
  return nn.chain(x, table.unpack(list))
end

function Network:forward(x)
  return T.l2_normalize(nn.chain(self:maps(x), self.pool, self.neck))
end

--- calr.models.backbone.join(self, x, norm, from, ...)
--- norm(y, residual) for the y that the layers after `from`, which is the last of them, make of x. The residual's
--- layers (self.downsample) come first: on the way back their gradient, of every fourth pixel where they have a stride,
--- is then added to the others'.
--- @return tensor
function backbone.join(self, x, norm, from, ...)
  local residual = self.downsample and self.downsample(x)
  local y = nn.chain(x, ...)
  local z = norm(y, residual or x)
  nn.release(y, z, from, norm)
  if residual then nn.release(residual, z, self.downsample, norm) end
  return z
end

return backbone
