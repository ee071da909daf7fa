--- @module calr.nn.teacher
--- The mean teacher: a network that follows another one slowly. The function behind calr.nn.mean_teacher.

local autograd = require "calr.autograd"
local check_options = require "calr.options".check
local form = require "calr.form"

local Teacher = {}
Teacher.__index = Teacher

-- name -> tensor of the parameters that are learned.
local function learned(net)
  local map = {}
  for _, parameter in ipairs(net:parameters()) do map[parameter.name] = parameter.tensor end
  return map
end

local function check_momentum(momentum)
  if type(momentum) ~= "number" or not (momentum >= 0 and momentum <= 1) then
    error(("the momentum of a mean teacher must be a number from 0 to 1, not %s"):format(tostring(momentum)), 3)
  end
  return momentum
end

-- What keeps a teacher from following a network; nil when nothing does.
local function difference(own, from)
  local names = {}
  for name in pairs(own) do names[#names + 1] = name end
  for name in pairs(from) do
    if not own[name] then names[#names + 1] = name end
  end
  table.sort(names) -- so that the same mistake always gives the same message
  for _, name in ipairs(names) do
    local a, b = own[name], from[name]
    if not a or not b or not form.is(a, b:dtype(), table.unpack(b:shape())) then
      return ("\"%s\" is %s in the teacher and %s in the network"):format(name, a and form.text(a) or "absent",
        b and form.text(b) or "absent")
    end
  end
end

--- teacher:check(net)
--- Raises an error if a network is of another architecture than the teacher, which could not follow it: parameters of
--- other names or shapes. step:train checks its teacher before the first batch.
--- @param net  a layer or network
function Teacher:check(net)
  local problem = difference(learned(self.net), learned(net))
  if problem then
    error(("the teacher is of another architecture than the network: %s. Make it from the network: "
      .. "calr.nn.mean_teacher(net)"):format(problem), 2)
  end
  self.follows = net
end

--- teacher:follow(net)
--- One step towards the network: every learned parameter becomes momentum * itself + (1 - momentum) * the network's.
--- Running statistics are the teacher's own: they come of the images that it sees.
--- A network of another architecture is an error.
--- @param net  the network that it was made from
function Teacher:follow(net)
  if not rawequal(self.follows, net) then self:check(net) end
  local m, from = check_momentum(self.momentum), learned(net)
  autograd.no_grad(function()
    for name, tensor in pairs(learned(self.net)) do tensor:copy(tensor * m + from[name] * (1 - m)) end
  end)
end

--- teacher:features(images [, batch])
--- What the teacher makes of images, without gradients, in training mode (with the statistics of the batch, as in MoCo
--- and in mean teachers for re-identification). teacher(images) is the same. Features of all images in evaluation mode:
--- calr.pipeline.features(teacher.net, split, cfg).
--- @param images  f32[b x h x w x 3]
--- @param batch   what the network is given besides: rows, cameras and images
--- @return tensor  f32[b x dim]
function Teacher:features(images, batch)
  self.net:train(true)
  local features
  autograd.no_grad(function() features = self.net(images, batch) end)
  return features
end

Teacher.__call = Teacher.features

--- teacher:state()
--- All of the teacher's network, for a checkpoint.
--- @return table  name -> tensor, the live ones
function Teacher:state()
  return self.net:state()
end

--- teacher:load_state(map)
--- Takes back what state() gave, as layer:load_state does.
function Teacher:load_state(map)
  self.net:load_state(map)
end

require("calr.options").counted("teacher:", Teacher)

-- What calr.nn.mean_teacher does.
return function(net, options)
  local o = check_options("calr.nn.mean_teacher", options, { "momentum" })
  local momentum = check_momentum(o.momentum or 0.999)
  if type(net) ~= "table" or not net.clone then
    error("calr.nn.mean_teacher needs a network that can be copied: one with a method clone, as layers of calr.nn have",
      2)
  end
  return setmetatable({ momentum = momentum, net = net:clone():train(true) }, Teacher)
end
