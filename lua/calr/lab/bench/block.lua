--- @module calr.lab.bench.block
--- calr bench block: measures a block of a vision transformer, forward and backward, against PyTorch.

local T = require "calr.tensor"
local autograd = require "calr.autograd"
local config = require "calr.config"
local meter = require "calr.meter"
local nn = require "calr.nn"
local rng = require "calr.rng"
local step = require "calr.lab.bench.frame.step"

local benchmark = {
  summary = "a transformer block, forward and backward (ViT-S: 129 or 211 tokens of an image of 256x128); peer PyTorch",
  options = {
    batch = config.option(64, "images", { 1 }),
    tokens = config.option(129, "of an image", { 1 }),
    channels = config.option(384, "of a token", { 1 }),
    heads = config.option(6, "of the attention; they divide channels", { 1 }),
    precision = config.choice({ "f32", "bf16" }, "of the tokens"),
  },
}

--- calr.lab.bench.block.rows(bench, options)
--- Prints two rows: forward alone, without gradients, and forward with backward.
function benchmark.rows(bench, options)
  bench.limits()
  local block = nn.transformer_block(options.channels, options.heads):init(1)
  local x = rng.open { seed = 1, purpose = "tokens" }:fill_normal(T.zeros { options.batch, options.tokens,
    options.channels })
  local dy = T.ones { options.batch, options.tokens, options.channels }
  if options.precision == "bf16" then x, dy = x:to "bf16", dy:to "bf16" end
  x:requires_grad(true)
  local inputs = { x }
  for _, parameter in ipairs(block:parameters()) do inputs[#inputs + 1] = parameter.tensor end
  local passes = {
    { "forward", function() autograd.no_grad(block, x) end },
    { "forward, backward", function() autograd.grad(block(x), inputs, { grad_outputs = dy }) end },
  }
  for _, pass in ipairs(passes) do
    local name, run = pass[1], pass[2]
    local events, memory = meter.count(run), bench.memory()
    local given = { backward = name ~= "forward" }
    for option, value in pairs(options) do given[option] = value end
    local peers <close> = bench.peer("block", given)
    local time = bench.time(run, { peers = peers, lasts = 0.3, probe = true })
    bench.row { work = ("%s, %d x %d"):format(name, options.batch, options.tokens), time = time,
      flops = step.total(events, "flops"), memory = memory(), count = options.batch, unit = "images",
      aim = { ratio = 1 } }
  end
end

return benchmark
