-- Networks whose ONNX files onnxruntime has read (make.py): name -> function that returns net, height, width, images.
-- All numbers come from streams of calr.rng, so that they are the same everywhere.
local calr = require "calr"
local T, nn = calr.tensor, calr.nn

local function stir(net)
  for name, written in pairs(net:state()) do
    local tensor = written:detach()
    local stream = calr.rng.open { seed = 3, purpose = name }
    if name:match "running_var$" then
      stream:fill_uniform(tensor, 0.5, 1.5)
    elseif name:match "running_mean$" or name:match "bias$" then
      stream:fill_uniform(tensor, -0.3, 0.3)
    elseif tensor:dim() == 1 and name:match "weight$" then
      stream:fill_uniform(tensor, 0.7, 1.3)
    end
  end
  return net
end

local function case(make, height, width)
  return function()
    return { net = stir(make()), height = height, width = width, images = calr.rng.open { seed = 5, purpose = "images" }
      :fill_normal(T.zeros { 2, height, width, 3 }) }
  end
end

local Tail = nn.class "Tail"
function Tail:forward(x)
  local y = self.body(x)
  return y:mean({ 2, 3 }):l2_normalize()
end

-- What has no part in the networks of calr, in one chain.
local function own_layers()
  local net = nn.new(Tail)
  net:add("body", nn.sequential(nn.conv(3, 8, { padding = "same", stride = 2 }), nn.group_norm(2, 8),
    nn.leaky_relu(), nn.interpolate { size = { 9, 7 }, mode = "bicubic" }, nn.squeeze_excite(8),
    nn.conv_transpose(8, 6, { stride = 2, output_padding = 1 }), nn.layer_norm(6), nn.gelu(),
    nn.adaptive_avg_pool { 5, 4 }, nn.interpolate { scale_factor = 1.5, mode = "bilinear" }, nn.prelu(6),
    nn.max_pool(), nn.rms_norm(6), nn.softplus()))
  net.dim = 6
  return net:init(7)
end

return {
  small = case(function() return calr.models.small { width = 4, ibn = true } end, 32, 16),
  vit = case(function() return calr.models.vit_small { channels = 24, depth = 1, heads = 2, stride = 12 } end, 40, 28),
  parts = case(function() return calr.models.parts { network = "small", width = 4, parts = 3, whole = true,
    reduction = 8 } end, 32,
    16),
  own_layers = case(own_layers, 20, 14),
}
