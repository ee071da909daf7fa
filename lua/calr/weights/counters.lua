--- @module calr.weights.counters
--- The counters of forward passes that calr's random layers keep (calr.nn.passes). No other program writes them, and
--- they are no weights: a file may lack them, or have some that the network lacks. Behind calr.weights.compare.

local counters = {}

--- calr.weights.counters.of(net)
--- @return table  name -> true: the network's tensors that are counters; none where it is not made of layers of calr.nn
function counters.of(net)
  local found = {}
  local function walk(layer, prefix)
    for _, entry in ipairs(layer.own_buffers) do
      if entry.counts then found[prefix .. entry.name] = true end
    end
    for _, child in ipairs(layer.children) do walk(child.layer, prefix .. child.name .. ".") end
  end
  if type(net.children) == "table" and type(net.own_buffers) == "table" then walk(net, "") end
  return found
end

local function last_word(name) return name:match "[^./]*$" end

--- calr.weights.counters.among(net, state)
--- @param state  table; name -> tensor, of a file
--- @return table  name -> true: the file's tensors that are counters, by their name and shape; none when the network
---                has a tensor of that name that is something else
function counters.among(net, state)
  local own, found = counters.of(net), {}
  for name in pairs(net:state()) do
    if last_word(name) == "passes" and not own[name] then return found end
  end
  for name, tensor in pairs(state) do
    if last_word(name) == "passes" and tensor:dim() == 1 and tensor:numel() == 1 then found[name] = true end
  end
  return found
end

return counters
