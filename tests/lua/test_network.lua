-- What a network must be able to do, and networks of a user's own.
local check = require "check"
local calr = require "calr"
local T, nn, M = calr.tensor, calr.nn, calr.models

-- A network that is no layer of calr.nn: the mean colour of an image, and a learned scale that does nothing.
local function plain(changes)
  local scale = T.full({ 1 }, 2.0):requires_grad(true)
  local net = { dim = 3, name = "mean colour", trained = true }
  function net.forward(_, images, batch)
    net.seen = batch
    local n = images:size(1)
    return calr.ops.l2_normalize(calr.nn.avg_pool()(images):reshape { n, 3 })
  end
  function net.parameters() return { { name = "scale", tensor = scale } } end
  function net.state() return { scale = scale } end
  function net.load_state(_, state) scale:copy(state.scale) end
  function net.train(_, on) net.trained = on end
  for name, value in pairs(changes or {}) do
    if value == "nothing" then value = nil end
    net[name] = value
  end
  return net
end

local size = { height = 8, width = 4 }

check.test("five methods and .dim make a network", function()
  local net = plain()
  check.equal(M.check(net, size), net)
  check.equal(net.seen.images:size(2), 8)
  check.equal(tostring(net.seen.rows) .. tostring(net.seen.cameras), "i64[1]i32[1]")
  check.equal(net.trained, false, "without :folded() it is put into evaluation mode")
  check.equal(M.inference(net), net)
  net.seen = nil
  M.check(net, size)
  check.equal(net.seen, nil, "it is shown an image once")
  M.check(M.small { width = 4 }, size)
end)

check.test("what is missing is named", function()
  local function fails(text, changes) check.fails(text, M.check, plain(changes), size) end
  fails("the network mean colour must say how wide its features are: set .dim to a whole number", { dim = "nothing" })
  fails("set .dim to a whole number, such as net.dim = 512; it is 3.5", { dim = 3.5 })
  fails("the network mean colour has no method forward(images, batch)", { forward = "nothing" })
  fails("has no method state(), all tensors by name", { state = "nothing" })
  fails("has no method train(on)", { train = "nothing" })
  fails("gives f32[1 x 3] for an image of 8x4, and must give features f32[1 x 4]: its .dim is 4", { dim = 4 })
  fails("gives nil for an image", { forward = function() end })
  fails("gives features of length 1.73, and must give unit features", { forward = function()
    return T.full({ 1, 3 }, 1.0)
  end })
  check.fails("a network is wanted, not a tensor", M.check, T.zeros { 2 })
  check.fails("the network given has no method forward", M.check, { name = function() end })
  check.fails("the network Sequential must say how wide", M.check, nn.sequential(nn.conv(3, 4), nn.gem()))
end)

check.test("a network with a name of its own", function()
  local given
  M.register("colour", { options = { tint = calr.config.option(0.5, "of it", { 0, 1 }) }, make = function(options)
    given = { seed = options.seed, tint = options.tint, pooling = options.pooling }
    return plain { name = "nothing" }
  end })
  check.equal(M.make("colour", { seed = 3, pooling = "average" }).name, "colour")
  check.equal(("%d %g %s"):format(given.seed, given.tint, given.pooling), "3 0.5 average")
  check.ok((" " .. table.concat(M.names(), " ") .. " "):find(" colour ", 1, true))
  check.fails("the network colour does not look at the option checkpoint=true", M.make, "colour", { checkpoint = true })
  check.fails("does not look at the option precision=bf16", M.make, "colour", { precision = "bf16" })
  M.make("colour", { checkpoint = false, precision = "f32", ibn = false })
  check.equal(M.declared("colour").tint.text, "colour: of it")
  check.equal(M.declared "small", nil)
  local cfg = calr.config.resolve(calr.pipeline.defaults { network = "colour" }, { "tint=1" })
  check.equal(calr.pipeline.network(cfg).name, "colour")
  check.equal(given.tint, 1.0)
  check.fails("there is a network \"small\" already", M.register, "small", print)
  check.fails("a network is registered under a name", M.register, "./mine", print)
  check.fails("the network \"odd\" must return a function(options)", M.register, "odd", 3)
  M.register("none", function() end)
  check.fails("the function that makes the network none returns nothing: end it with return net", M.make, "none", {})
end)

check.finish()
