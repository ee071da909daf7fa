--- @module calr.nn
--- Layers. A layer is an object with :forward(x), which calling it does too; it owns named parameters (learned),
--- buffers (running statistics) and children, in the order in which they were added. Names join with dots and follow
--- torchvision's, so that a state is a flat table of name -> tensor that other programs can read.

local arguments = require "calr.options"
local given = require "calr.nn.given"
local keeping = require "calr.nn.keeping"
local module = require "calr.nn.module"

local nn = { Module = module.Module }

-- The families of layers, one module each.
for _, family in ipairs {
  "activation",
  "attention",
  "containers",
  "convolution",
  "dropout",
  "excitation",
  "layer_norm",
  "linear",
  "normalisation",
  "pooling",
} do
  for name, make in pairs(require("calr.nn." .. family)) do nn[name] = make end
end

--- calr.nn.class(name)
--- A class of layers of your own: local Mine = calr.nn.class "Mine"; function Mine:forward(x) ... end.
--- @return table  with Mine as the metatable for calr.nn.new(Mine)
nn.class = module.class

--- calr.nn.new(class)
--- An object of a class of layers, without parameters yet.
--- @return layer
nn.new = module.new

--- calr.nn.release(x, result, from, to)
--- Closes a tensor that lies between two layers as soon as the second has used it, so that its memory serves again;
--- what a gradient needs of it is kept. It stays open where one of the layers still has it: in a field, or in a
--- variable that its forward function reaches. A layer whose forward function was replaced may keep it anywhere, so
--- that it stays open as well, unless the layer says lets_go = true.
--- @param x       what `from` gave and `to` was given
--- @param result  tensor; what `to` made of it; when that is x itself, it stays
--- @param from, to  layer
nn.release = keeping.release

--- calr.nn.mean_teacher(net [, {momentum=.999}])
--- A copy of a network that follows it slowly: the average of its weights over the training (Tarvainen and Valpola,
--- NIPS 2017; the key encoder of MoCo). Call teacher:follow(net) after each step of the optimiser; step:train does so
--- with its own (`teacher`).
--- @param net       a layer or network
--- @param momentum  how much of the old weights stays at each step, 0 .. 1; the field .momentum, free to change
--- @return teacher  with .net, .momentum, teacher(images), teacher:follow(net), teacher:state() and
---   teacher:load_state(map)
function nn.mean_teacher(net, options)
  return require "calr.nn.teacher"(net, options)
end

--- calr.nn.ema(net [, {decay=.9999, warm_up=true}])
--- The exponential moving average of a network's weights, for evaluation at the end: see the section below.
--- @param net      a layer or network
--- @param decay    how much of the average stays at each step, 0 .. 1
--- @param warm_up  at step t, from 0, at most (1 + t) / (10 + t) of it stays, so that an average that begins with
---                 random weights soon forgets them
--- @return ema  with .net, ema:update(net), ema:state() and ema:load_state(map)
function nn.ema(net, options)
  return require "calr.nn.ema"(net, options)
end

--- calr.nn.domain_head(inputs, cameras, {hidden=100, dropout=.5, seed=0})
--- The camera classifier of the alignment: inputs-100-100-cameras, batch norm and ReLU after both hidden layers,
--- dropout after the first (Ganin and Lempitsky, ICML 2015).
--- @return layer  [n x inputs] -> logits [n x cameras]
function nn.domain_head(inputs, cameras, options)
  local o = arguments.check("calr.nn.domain_head", options, { "hidden", "dropout", "seed" })
  local what, hidden = "calr.nn.domain_head", o.hidden or 100
  given.whole(what, "inputs", inputs, 1)
  given.whole(what, "cameras", cameras, 1)
  given.whole(what, "hidden", hidden, 1)
  return nn.sequential(
    nn.linear(inputs, hidden), nn.batch_norm(hidden, { relu = true }), nn.dropout { p = o.dropout, seed = o.seed },
    nn.linear(hidden, hidden), nn.batch_norm(hidden, { relu = true }),
    nn.linear(hidden, cameras))
end

return (arguments.counted("calr.nn.", nn))
