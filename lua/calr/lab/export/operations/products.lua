--- @module calr.lab.export.operations.products
--- Matrix products and attention.

local T = require "calr.tensor"

local products = {}

products.linear = { takes = "x, w, bias", emit = function(g, a, node)
  local x, w = g:of(a.x), g:of(a.w)
  local weight, bias = node.weight, node.bias -- with a norm multiplied into them: calr.lab.export.fold
  local bias_name = bias and g:tensor(bias, node.bias_name) or a.bias and g:plain(g:of(a.bias))
  if #x.shape == 2 then
    local inputs = { g:plain(x), weight and g:tensor(weight, w.called) or g:plain(w), bias_name }
    return g:give(node, g:op("Gemm", inputs, { transB = 1 }))
  end
  local matrix = weight and g:tensor(weight:t():contiguous(), w.called) or g:transposed(w)
  local y = g:op("MatMul", { g:plain(x), matrix })
  g:give(node, bias_name and g:op("Add", { y, bias_name }) or y)
end }

local function exchanged(g, name, ndim)
  local perm = {}
  for d = 1, ndim do perm[d] = d - 1 end
  perm[ndim], perm[ndim - 1] = perm[ndim - 1], perm[ndim]
  return g:op("Transpose", { name }, { perm = perm })
end

products.matmul = { takes = "a, b, transpose_a, transpose_b, scale", emit = function(g, a, node)
  local x, y = g:of(a.a), g:of(a.b)
  local left, right = g:plain(x), g:plain(y)
  if a.transpose_a then left = exchanged(g, left, #x.shape) end
  if a.transpose_b then right = exchanged(g, right, #y.shape) end
  local product = g:op("MatMul", { left, right })
  if a.scale and a.scale ~= 1 then product = g:op("Mul", { product, g:scalar(a.scale) }) end
  g:give(node, product)
end }

for _, name in ipairs { "bmm", "dot", "mm", "mv" } do
  products[name] = { takes = "a, b", emit = products.matmul.emit }
end

-- What is added to the products of queries and keys, [.. x n x m] or nil: 0 where a query sees a key, -inf where it
-- does not.
local function added_mask(g, options, n, m)
  local hidden = {}
  if options.causal then
    local bias = T.zeros { n, m }
    bias = T.masked_fill(bias, T.triu(T.ones { n, m }, 1):gt(0), -math.huge)
    hidden[1] = g:tensor(bias, "causal")
  end
  if options.mask then
    local mask = g:of(options.mask)
    if mask.const and mask.const:dtype() == "bool" then
      local seen = mask.const
      if seen:dim() > 0 and not seen:any(-1):all():item() then g:fail "its mask hides all keys from a query" end
      hidden[#hidden + 1] = g:tensor(T.masked_fill(T.zeros(seen:shape()), seen:logical_not(), -math.huge), "mask")
    elseif mask.const then
      hidden[#hidden + 1] = g:plain(mask)
    else
      g:fail "its mask depends on the images"
    end
  end
  return hidden
end

-- softmax(scale q k^T + mask) v; k has its last two dimensions exchanged already.
local function attend(g, q, k, v, options, d, n, m)
  local weights = g:op("Mul", { g:op("MatMul", { q, k }), g:scalar(options.scale or 1 / math.sqrt(d)) })
  for _, mask in ipairs(added_mask(g, options, n, m)) do weights = g:op("Add", { weights, mask }) end
  return g:op("MatMul", { g:op("Softmax", { weights }, { axis = -1 }), v })
end

local function options_of(g, a)
  local options = a.options or {}
  if (options.dropout or 0) > 0 then g:fail "it drops weights at random: leave dropout out in evaluation" end
  return options
end

products.scaled_dot_product_attention = { takes = "q, k, v, options", tables = { options = true },
  emit = function(g, a, node)
    local q, k, v = g:of(a.q), g:of(a.k), g:of(a.v)
    local last = #q.shape
    g:give(node, attend(g, g:plain(q), exchanged(g, g:plain(k), last), g:plain(v), options_of(g, a), q.shape[last],
      q.shape[last - 1], k.shape[last - 1]))
  end }

products.self_attention = { takes = "qkv, heads, options", tables = { options = true }, emit = function(g, a, node)
  local x = g:of(a.qkv)
  local n, heads = x.shape[2], a.heads
  local d = x.shape[3] // 3 // heads
  local parts = g:op("Reshape", { g:plain(x), g:integers { -1, n, 3, heads, d } })
  local function part(i, perm)
    return g:op("Transpose", { g:op("Gather", { parts, g:integer(i) }, { axis = 2 }) }, { perm = perm })
  end
  local y = attend(g, part(0, { 0, 2, 1, 3 }), part(1, { 0, 2, 3, 1 }), part(2, { 0, 2, 1, 3 }), options_of(g, a), d, n,
    n)
  g:give(node, g:reshape(g:op("Transpose", { y }, { perm = { 0, 2, 1, 3 } }), node.outs[1]))
end }

return products
