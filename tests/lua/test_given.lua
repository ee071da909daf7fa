-- Wrong, swapped and missing arguments where layers and memories are made: the error stands at the line of the script,
-- and says which function wanted what.
local calr = require "calr"
local check = require "check"
local nn, M = calr.nn, calr.memory
local x, labels = calr.ones { 4, 3 }, calr.tensor({ 0, 0, 1, 1 }, "i32")

local calls = {
  { "calr.nn.conv: inputs must be a whole number of at least 1, not nil", function() return nn.conv() end },
  { "calr.nn.conv: outputs must be a whole number of at least 1, not table", function()
    return nn.conv(3, { kernel = 5 })
  end },
  { "calr.nn.conv wants a table of options, not a number", function() return nn.conv(3, 8, 5) end },
  { "calr.nn.conv has no option \"kernal\" (did you mean \"kernel\"?)", function()
    return nn.conv(3, 8, { kernal = 5 })
  end },
  { "calr.nn.conv: kernel must be a whole number of at least 1 or {down, across}, not 0", function()
    return nn.conv(3, 8, { kernel = 0 })
  end },
  { "calr.nn.conv: groups must be a whole number that divides inputs (3)", function()
    return nn.conv(3, 8, { groups = 2 })
  end },
  { "calr.nn.conv_transpose: inputs must be a whole number", function() return nn.conv_transpose(0.5, 2) end },
  { "calr.nn.batch_norm: channels must be a whole number of at least 1, not nil", function()
    return nn.batch_norm()
  end },
  { "calr.nn.instance_norm: channels must be a whole number", function() return nn.instance_norm "x" end },
  { "calr.nn.ibn: channels must be a whole number of at least 2, not 1", function() return nn.ibn(1) end },
  { "calr.nn.multi_head_attention: heads must be a whole number", function() return nn.multi_head_attention(8) end },
  { "calr.nn.self_attention: 3 heads do not divide a width of 8", function() return nn.self_attention(8, 3) end },
  { "calr.nn.transformer_block: width must be a whole number", function() return nn.transformer_block(nil, 2) end },
  { "calr.nn.self_attention: dropout must be a number from 0 to 0.999, not 1", function()
    return nn.self_attention(8, 2, { dropout = 1 })
  end },
  { "calr.nn.domain_head: cameras must be a whole number of at least 1, not nil", function()
    return nn.domain_head(4)
  end },
  { "calr.nn.new wants a class, made by calr.nn.class, not a string", function() return nn.new "Mine" end },
  { "calr.nn.chain: argument 2 is a nil and no layer", function() return (nn.chain(x, nil)) end },
  { "calr.nn.chain: argument 2 is a table and no layer", function() return (nn.chain(x, {})) end },
  { "calr.memory.cluster: features must be a tensor, and is missing", function() return M.cluster() end },
  { "calr.memory.cluster: labels must be a tensor, not a table", function()
    return M.cluster { features = x, labels = { 0, 0, 1, 1 } }
  end },
  { "calr.memory.cluster wants a table of options, not a userdata", function() return M.cluster(x) end },
  { "calr.memory.instance: features must be a tensor, and is missing", function() return M.instance {} end },
  { "calr.memory.hybrid: labels must be a tensor, and is missing", function() return M.hybrid { features = x } end },
  { "calr.memory.camera: cameras must be a tensor, and is missing", function()
    return M.camera { features = x, labels = labels }
  end },
  { "size must be an integer of at least 1, not nil", function() return M.queue() end },
  { "calr.memory.parts: features must be a tensor, and is missing", function() return M.parts { parts = 2 } end },
  { "calr.memory.agreement: b must be a tensor, and is missing", function() return M.agreement(x) end },
  { "calr.memory.camera_weights: cameras must be a tensor, and is missing", function()
    return M.camera_weights(labels)
  end },
  { "calr.memory.cross_entropy wants the batch, as memory:loss(features, batch) is given it, not a nil", function()
    return M.cross_entropy(x, labels)
  end },
  { "calr.memory.cross_entropy: classes must be a tensor, not a table", function()
    return M.cross_entropy(x, { labels = labels })
  end },
}

for _, call in ipairs(calls) do
  local text, fn = table.unpack(call)
  check.test(text, function()
    local ok, message = pcall(function() return (fn()) end) -- no tail call: the line would be lost
    check.ok(not ok and tostring(message):find(text, 1, true), tostring(message))
    check.ok(not tostring(message):find("lua/calr/", 1, true), "a position in calr's own source: " .. tostring(message))
  end)
end

check.finish()
