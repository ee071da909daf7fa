--- @module calr.pipeline.states
--- Tensors of several objects in one map, for checkpoints: each name begins with that of its object.

local states = {}

--- calr.pipeline.states.put(prefix, map, into)
--- Adds the tensors of a map under names with a prefix.
--- @return table  into
function states.put(prefix, map, into)
  for name, tensor in pairs(map) do into[prefix .. name] = tensor end
  return into
end

--- calr.pipeline.states.get(prefix, map)
--- @return table  the tensors whose names begin with the prefix, under the rest of their names
function states.get(prefix, map)
  local out = {}
  for name, tensor in pairs(map) do
    if name:sub(1, #prefix) == prefix then out[name:sub(#prefix + 1)] = tensor end
  end
  return out
end

return (require("calr.options").counted("calr.pipeline.states.", states))
