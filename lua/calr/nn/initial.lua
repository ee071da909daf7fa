--- @module calr.nn.initial
--- What parameters of layers start as: functions(tensor, rng) for layer:add_parameter.

local initial = {}

--- calr.nn.initial.kaiming_fan_out(tensor, rng)
--- He et al., "Delving deep into rectifiers" (ICCV 2015), fan-out, as torchvision's residual networks start. Like
--- torchvision's, it does not look at the groups.
--- @param tensor  f32[out x in x height x width]
function initial.kaiming_fan_out(tensor, rng)
  rng:fill_normal(tensor, 0, math.sqrt(2 / (tensor:size(1) * tensor:size(3) * tensor:size(4))))
end

--- calr.nn.initial.constant(value)
--- @return function  that fills a tensor with the value
function initial.constant(value)
  return function(tensor) tensor:fill(value) end
end

--- calr.nn.initial.uniform_fan_in(inputs)
--- PyTorch's default for linear layers: uniform within 1/sqrt(inputs).
--- @return function  that fills a tensor
function initial.uniform_fan_in(inputs)
  local bound = 1 / math.sqrt(inputs)
  return function(tensor, rng) rng:fill_uniform(tensor, -bound, bound) end
end

return initial
