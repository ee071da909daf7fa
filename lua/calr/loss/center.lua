--- @module calr.loss.center
--- The centre loss, a layer: its centres are learned beside the network.

local T = require "calr.tensor"
local arguments = require "calr.options"
local autograd = require "calr.autograd"
local common = require "calr.loss.common"
local module = require "calr.nn.module"
local fail = common.fail

local center = {}

local Center = module.class "Center"

local function normal(tensor, rng) rng:fill_normal(tensor) end

--- calr.loss.center(classes, dim [, {learned=true, reduction="mean"}])
--- A layer for the centre loss (Wen et al., ECCV 2016, equation 2): called with features x and labels y, it gives
--- |x_i - c[y_i]|^2 / 2, the mean over the batch or the sum. `c`, f32[classes x dim], is its parameter `centers`: begin
--- with layer:init(seed), and give it an optimiser of its own or a group with its own rate (0.5 is usual), for the loss
--- is added with a small weight, such as 0.0005, which the gradient of the centres has too.
---
---     local center = calr.loss.center(identities, net.dim):init(cfg.seed)
---     local loss   = triplet + center(features, labels) * 0.0005
---
--- With learned = false, the centres have no gradient and move by the paper's own rule: layer:follow(features, labels)
--- after each step.
--- @param classes    integer
--- @param dim        integer; length of a feature
--- @param learned    boolean; whether the centres are a parameter or a buffer
--- @param reduction  "mean", "sum" or "none" (f32[n])
--- @return layer  layer(features, labels) -> tensor
function center.center(classes, dim, options)
  local what = "calr.loss.center"
  for name, value in pairs { classes = classes or false, dim = dim or false } do
    if math.type(value) ~= "integer" or value < 1 then
      fail(what, "%s must be a whole number from 1, not %s", name, tostring(value))
    end
  end
  local o = common.options(what, options, { learned = { default = true, switch = true },
    reduction = common.reduction })
  local self = module.new(Center)
  self.reduction, self.classes, self.dim = o.reduction, classes, dim
  if o.learned then
    self:add_parameter("centers", { classes, dim }, normal)
  else
    self:add_buffer("centers", { classes, dim }, 0)
  end
  return self
end

-- Features and labels of a batch, checked against the centres.
local function batch_of(self, what, features, labels)
  local x = common.float(what, "features", features, 2, "n x d")
  if x:size(2) ~= self.dim or x:size(1) == 0 then
    fail(what, "features must be f32[n x %d], with at least one row, not %s", self.dim, tostring(features))
  end
  local y = common.labels(what, labels, x:size(1))
  local low, high = y:min():item(), y:max():item()
  if low < 0 or high >= self.classes then
    fail(what, "label %d is not one of the classes 0 to %d", low < 0 and low or high, self.classes - 1)
  end
  return x, y
end

function Center:forward(features, labels)
  local x, y = batch_of(self, "calr.loss.center", features, labels)
  local d = x - self.centers:index_select(1, y):to(x:dtype())
  return common.reduce((d * d):sum(2) / 2, self.reduction)
end

--- layer:follow(features, labels [, alpha])
--- Moves the centres of the classes in a batch towards its features, for a layer that calr.loss.center(...,
--- { learned = false }) has made: c_j -= alpha sum(c_j - x_i) / (1 + n_j) over the n_j images of class j (Wen et al.,
--- ECCV 2016, equation 4).
--- @param features  f32[n x dim]
--- @param labels    i64 or i32[n]
--- @param alpha     0 .. 1; default 0.5
function Center:follow(features, labels, alpha)
  local what = "calr.loss.center: follow"
  if self.centers:requires_grad() then
    fail(what, "these centres are learned by the optimiser; make them with { learned = false }")
  end
  alpha = alpha or 0.5
  if type(alpha) ~= "number" or not (alpha >= 0 and alpha <= 1) then
    fail(what, "alpha must be a number from 0 to 1, not %s", tostring(alpha))
  end
  local x, y = batch_of(self, what, features, labels)
  autograd.no_grad(function()
    local centers = self.centers
    local shift = (centers:index_select(1, y) - x:detach():to "f32")
    local sums = T.zeros(centers:shape()):index_add(1, y, shift)
    local counts = T.ones({ self.classes }):index_add(1, y, T.ones({ y:numel() }))
    centers:sub_(sums / counts:unsqueeze(2) * alpha)
  end)
end

arguments.counted("layer:", Center)
return (arguments.counted("calr.loss.", center))
