--- @module calr.nn.pooling
--- Pooling of feature maps. Reached through calr.nn.

local arguments = require "calr.options"
local check_options, counted = arguments.check, arguments.counted
local initial = require "calr.nn.initial"
local module = require "calr.nn.module"
local T = require "calr.tensor"
local class, new = module.class, module.new

local pooling = {}

-- The options of a pooling with windows, checked once by a map that is large enough for any of them.
local function window_options(what, options, names, defaults)
  local o = check_options(what, options, names, 2)
  local filled = {}
  for _, name in ipairs(names) do
    filled[name] = o[name]
    if filled[name] == nil then filled[name] = defaults[name] end
  end
  return filled
end

local function try_options(what, pool, options)
  local function side(value) return type(value) == "table" and tonumber(value[1]) or tonumber(value) or 1 end
  local edge = math.min(64, math.max(1, side(options.kernel)))
  local fine, message = pcall(pool, T.zeros { 1, edge, edge, 1 }, options)
  if not fine and not tostring(message):find "does not fit into" then
    error(("%s: %s"):format(what, tostring(message):gsub("^[^:]*:%d+: ", ""):gsub("^%a+_pool: ", "")), 3)
  end
  return options
end

local MaxPool = class "MaxPool"

--- calr.nn.max_pool{kernel=3, stride=2, padding=1, ceil_mode=false}
--- The maximum of each window: see calr.max_pool. Where PyTorch's stride is the kernel unless told, this one is 2.
--- @return layer  [n x h x w x c] -> [n x h' x w' x c]
function pooling.max_pool(options)
  local o = window_options("calr.nn.max_pool", options, { "kernel", "stride", "padding", "ceil_mode" },
    { kernel = 3, stride = 2, padding = 1 })
  local self = new(MaxPool)
  self.options = try_options("calr.nn.max_pool", T.max_pool, o)
  return self
end

function MaxPool:forward(x)
  return T.max_pool(x, self.options)
end

local AvgPool = class "AvgPool"

--- calr.nn.avg_pool([{kernel=, stride=kernel, padding=0, ceil_mode=false, count_include_pad=true}])
--- The mean of each channel over the whole map; with a kernel, that of each window: see calr.avg_pool.
--- @return layer  [n x h x w x c] -> [n x c]; with a kernel [n x h' x w' x c]
function pooling.avg_pool(options)
  local self = new(AvgPool)
  if options ~= nil then
    local o = window_options("calr.nn.avg_pool", options,
      { "kernel", "stride", "padding", "ceil_mode", "count_include_pad" }, {})
    self.options = try_options("calr.nn.avg_pool", T.avg_pool, o)
  end
  return self
end

function AvgPool:forward(x)
  return T.avg_pool(x, self.options)
end

local AdaptivePool = class "AdaptivePool"

local function adaptive_pool(what, size)
  local self = new(AdaptivePool)
  self.pool, self.size = what:match "[%w_]+$", size
  local fine = pcall(T[self.pool], T.zeros { 1, 1, 1, 1 }, size)
  if not fine then
    error(("%s: size must be a whole number of at least 1, or a list of two, {rows, columns}"):format(what), 3)
  end
  return self
end

function AdaptivePool:forward(x)
  return T[self.pool](x, self.size)
end

--- calr.nn.adaptive_avg_pool(size)
--- Means of windows that cover the map evenly.
--- @param size  how many: a number, or {rows, columns}
--- @return layer  [n x h x w x c] -> [n x rows x columns x c]
function pooling.adaptive_avg_pool(size)
  return adaptive_pool("calr.nn.adaptive_avg_pool", size)
end

--- calr.nn.adaptive_max_pool(size)
--- Maxima of windows that cover the map evenly.
--- @param size  how many: a number, or {rows, columns}
--- @return layer  [n x h x w x c] -> [n x rows x columns x c]
function pooling.adaptive_max_pool(size)
  return adaptive_pool("calr.nn.adaptive_max_pool", size)
end

local GlobalMaxPool = class "GlobalMaxPool"

--- calr.nn.global_max_pool()
--- The maximum of each channel over the whole map.
--- @return layer  [n x h x w x c] -> f32[n x c]
function pooling.global_max_pool()
  return new(GlobalMaxPool)
end

function GlobalMaxPool:forward(x)
  local y = T.adaptive_max_pool(x, 1):reshape { x:size(1), x:size(4) }
  return y:dtype() == "f32" and y or y:to "f32"
end

local Interpolate = class "Interpolate"

--- calr.nn.interpolate{size=, scale_factor=, mode="nearest", align_corners=false}
--- Feature maps in another size: see calr.interpolate.
--- @param size          integer|table; a number, or {height, width}
--- @param scale_factor  number|table; in place of size
--- @return layer  [n x h x w x c] -> [n x h' x w' x c]
function pooling.interpolate(options)
  local self = new(Interpolate)
  self.options = check_options("calr.nn.interpolate", options, { "size", "scale_factor", "mode", "align_corners" })
  local fine, message = pcall(T.interpolate, T.zeros { 0, 8, 8, 1 }, self.options)
  if not fine then
    error(("calr.nn.interpolate: %s"):format(tostring(message):gsub("^[^:]*:%d+: ", ""):gsub("^interpolate: ", "")), 2)
  end
  return self
end

function Interpolate:forward(x)
  return T.interpolate(x, self.options)
end

local GeM = class "GeM"

--- calr.nn.gem{p=3, eps=1e-6}
--- Generalised mean pooling with a learned exponent (Radenovic et al., TPAMI 2018): (mean max(x, eps)^p)^(1/p).
--- @return layer  [n x h x w x c] -> [n x c]
function pooling.gem(options)
  local o = check_options("calr.nn.gem", options, { "p", "eps" })
  local self = new(GeM)
  self.eps = o.eps or 1e-6
  self:add_parameter("p", { 1 }, initial.constant(o.p or 3))
  return self
end

function GeM:forward(x)
  local p = self.p:get(1)
  if not (p > 0) then
    error(("the exponent of the GeM pooling became %g and must stay above 0: %s"):format(p, p == 0
      and "the network has no weights yet; end the function that makes it with return net:init(options.seed)"
      or "the training has diverged, lower the learning rate"), 0)
  end
  return T.gem(x, self.p, { eps = self.eps })
end

return (counted("calr.nn.", pooling))
