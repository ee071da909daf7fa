--- @module calr.nn.initial
--- What parameters of layers start as: functions(tensor, rng) for layer:add_parameter.

local initial = {}

-- He et al., "Delving deep into rectifiers" (ICCV 2015), fan-out, as torchvision's residual networks start. Like
-- torchvision's, it does not look at the groups.
function initial.kaiming_fan_out(tensor, rng)
  rng:fill_normal(tensor, 0, math.sqrt(2 / (tensor:size(1) * tensor:size(3) * tensor:size(4))))
end

function initial.constant(value)
  return function(tensor) tensor:fill(value) end
end

-- PyTorch's default for linear layers: uniform within 1/sqrt(inputs).
function initial.uniform_fan_in(inputs)
  local bound = 1 / math.sqrt(inputs)
  return function(tensor, rng) rng:fill_uniform(tensor, -bound, bound) end
end

return initial
