-- calr.optim against PyTorch; states, schedules, errors.
local check = require "check"
local cases = require "ops_cases"
local T = require "calr.tensor"
local optim = require "calr.optim"

local makers = {
  ["adam"] = function(p) return optim.adam(p, { lr = .1 }) end,
  ["adam, all options"] = function(p)
    return optim.adam(p, { lr = .05, beta1 = .8, beta2 = .95, eps = 1e-3, weight_decay = .1 })
  end,
  ["sgd"] = function(p) return optim.sgd(p, { lr = .1 }) end,
  ["sgd, momentum, decay"] = function(p) return optim.sgd(p, { lr = .1, momentum = .9, weight_decay = .05 }) end,
  ["sgd, nesterov"] = function(p)
    return optim.sgd(p, { lr = .1, momentum = .8, nesterov = true, weight_decay = .01 })
  end,
}

for name, golden in pairs(cases.golden().optimisers) do
  check.test(name .. ", with a restart in the middle", function()
    local w = cases.tensor(golden.w):requires_grad(true)
    local list = { { name = "w", tensor = w } }
    local optimizer = makers[name](list)
    for i, step in ipairs(golden) do
      if i == 3 then
        local state = optimizer:state()
        optimizer = makers[name](list)
        optimizer:load_state(state)
      end
      w:set_grad(cases.tensor(step.grad))
      optimizer:step()
      check.all_near(w:reshape { -1 }, step.w, 2e-6, "step " .. i)
    end
    optimizer:zero_grad()
    check.equal(w:grad(), nil)
  end)
end

local function parameters()
  return {
    { name = "a", tensor = T({ 1, 2 }):requires_grad(true) },
    { name = "b", tensor = T({ { 3 } }):requires_grad(true) },
  }
end

check.test("a parameter without a gradient is passed over", function()
  local list = parameters()
  local optimizer = optim.adam(list, { weight_decay = .1 })
  list[1].tensor:set_grad(T { 1, -1 })
  optimizer:step()
  check.all_near(list[1].tensor, { .999, 1.999 }, 2e-3)
  check.equal(list[2].tensor:get(), 3)
  check.equal(optimizer:state()["b.m"], nil)
  check.equal(optimizer:state()["a.steps"]:get(), 1)
end)

check.test("the learning rate is a field", function()
  local list = parameters()
  local optimizer = optim.sgd(list, { lr = 1 })
  optimizer.lr = .5
  list[1].tensor:set_grad(T { 1, 1 })
  optimizer:step()
  check.all_near(list[1].tensor, { .5, 1.5 }, 1e-7)
end)

check.test("step_schedule", function()
  local optimizer = optim.sgd(parameters(), { lr = 8 })
  local schedule = optim.step_schedule(optimizer, { every = 2, factor = .5 })
  local rates = {}
  for e = 0, 5 do rates[#rates + 1] = schedule:epoch(e) end
  check.all_near(rates, { 8, 8, 4, 4, 2, 2 }, 0)
  check.equal(optimizer.lr, 2)
  check.equal(schedule:epoch(0), 8)
  check.fails("whole number", optim.step_schedule, optimizer, { every = .5 })
end)

check.test("load_state names what does not fit, and changes nothing", function()
  local function stepped(make)
    local list = parameters()
    local optimizer = make(list)
    for _, p in ipairs(list) do p.tensor:set_grad(p.tensor:detach()) end
    optimizer:step()
    return optimizer
  end
  local adam = stepped(optim.adam)
  local state = adam:state()
  local function refused(text, change)
    local map = {}
    for k, v in pairs(state) do map[k] = v end
    change(map)
    local before = adam:state()["a.m"]
    check.fails(text, adam.load_state, adam, map)
    check.ok(adam:state()["a.m"]:equal(before))
  end
  refused("lacks \"b.v\"", function(map) map["b.v"] = nil end)
  refused("\"a.m\" is f32[3]; it does not fit the parameter, f32[2]", function(map) map["a.m"] = T { 1, 2, 3 } end)
  refused("\"c.m\", which belongs to no parameter", function(map) map["c.m"] = T { 1 } end)
  refused("a.steps", function(map) map["a.steps"] = T({ 1, 2 }, "i64") end)
  refused("a.steps", function(map) map["a.steps"] = T({ -1 }, "i64") end)
  refused("a.steps", function(map) map["a.steps"] = T { .5 } end)
  local sgd = stepped(function(p) return optim.sgd(p, { momentum = .9 }) end)
  check.fails("the state lacks \"a.velocity\"", sgd.load_state, sgd, state)
  adam:load_state {}
  check.equal(next(adam:state()), nil)
end)

check.test("errors", function()
  check.fails("calr.optim.adam has no option \"weigth_decay\" (did you mean \"weight_decay\"?)",
    optim.adam, {}, { weigth_decay = 1 })
  check.fails("option \"lr\" must be a number, not a string", optim.adam, {}, { lr = "1" })
  check.fails("option \"lr\" must be 0 or more", optim.adam, {}, { lr = -1 })
  check.fails("option \"lr\" must be 0 or more", optim.adam, {}, { lr = 0 / 0 })
  check.fails("nesterov needs a momentum", optim.sgd, {}, { nesterov = true })
  check.fails("a list of parameters", optim.adam, 5)
  check.fails("parameter 1 is not of the form", optim.adam, { T { 1 } })
  check.fails("two parameters are named \"a\"", optim.adam,
    { { name = "a", tensor = T { 1 } }, { name = "a", tensor = T { 2 } } })
  check.fails("only f32 can be trained", optim.adam, { { name = "a", tensor = T({ 1 }, "i32") } })
  check.fails("test_optim.lua:", function() optim.adam({}, { lrr = 1 }) end)
  check.fails("test_optim.lua:", function() optim.adam({ 1 }) end)
end)

check.test("a beta of 1 would divide by 0", function()
  check.fails("\"beta2\" must be below 1", optim.adam, {}, { beta2 = 1 })
  local w, zeros = T { 1 }, T { 0 }
  check.fails("must be below 1", require("calr.optim.step").adam, w, zeros, zeros, zeros,
    { step = 1, lr = 1, beta1 = 1 })
end)

check.finish()
