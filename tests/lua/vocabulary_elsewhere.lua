-- Words of the vocabulary that have no row in tests/lua/vocabulary, each with what tests it.
local list = {}

local function add(test, words)
  for word in words:gmatch "%S+" do list[word] = test end
end

add("test_tensor.lua", "from is memory shape size dim numel dtype get item set totable contiguous "
  .. "clone close to copy fill rows equal is_finite is_tensor "
  .. "is_floating_point")
add("test_random.lua", "rand randn randint randperm bernoulli multinomial")
add("test_export.lua", "tobytes")
add("test_describe.lua", "describe apply apply_")
add("test_ops.lua and test_autograd.lua", "concat gated_sum "
  .. "dropout reverse_gradient max_pool gem instance_norm batch_norm conv2d conv_transpose2d cross_entropy")
add("test_norm_convolution.lua", "batch_norm_conv2d")
add("test_layers.lua", "layer_norm rms_norm group_norm avg_pool adaptive_avg_pool adaptive_max_pool interpolate "
  .. "scaled_dot_product_attention self_attention")
add("test_autograd.lua", "backward requires_grad grad zero_grad set_grad detach")
add("test_autograd_grad.lua", "requires_grad_ is_leaf retain_grad detach_")
add("test_autograd_hooks.lua", "register_hook")

return list
