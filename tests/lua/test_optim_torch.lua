-- calr.optim against torch.optim over 50 steps (tests/reference/optim); groups, own optimisers, schedules.
local check = require "check"
local calr = require "calr"
local T, optim = calr.tensor, calr.optim

local golden = dofile(os.getenv "CALR_TEST_REFERENCE" .. "/optim/golden.lua")
local N = 6

-- The numbers that make.py starts from and steps by.
local function start(offset)
  local list = {}
  for i = 0, N - 1 do list[i + 1] = ((i * 5 + offset) % 7 - 3) / 4 end
  return T(list):requires_grad(true)
end

local function gradient(step, offset)
  local list = {}
  for i = 0, N - 1 do list[i + 1] = ((i * 7 + step * 13 + offset * 3) % 17 - 8) / 8 end
  return T(list)
end

local function parameters()
  return { { name = "a", tensor = start(0) }, { name = "b", tensor = start(3) } }
end

-- The update of AdamW as a script would write it.
local own = optim.define("own adamw", {
  options = { lr = 1e-3, beta1 = .9, beta2 = .999, eps = 1e-8, weight_decay = .01 },
  state = { "m", "v" },
  update = function(w, g, state, o)
    w:mul_(1 - o.lr * o.weight_decay)
    state.m = state.m * o.beta1 + g * (1 - o.beta1)
    state.v:copy(state.v * o.beta2 + g * g * (1 - o.beta2))
    local m, v = state.m / (1 - o.beta1 ^ state.step), state.v / (1 - o.beta2 ^ state.step)
    w:sub_(m / (v:sqrt() + o.eps) * o.lr)
  end,
})

local makers = {
  ["sgd"] = function(p) return optim.sgd(p, { lr = .05 }) end,
  ["momentum"] = function(p) return optim.sgd(p, { lr = .05, momentum = .9, weight_decay = .02 }) end,
  ["dampening"] = function(p)
    return optim.sgd(p, { lr = .05, momentum = .9, dampening = .3, weight_decay = .02 })
  end,
  ["nesterov"] = function(p)
    return optim.sgd(p, { lr = .02, momentum = .8, nesterov = true, weight_decay = .01 })
  end,
  ["adam"] = function(p) return optim.adam(p, { lr = .01 }) end,
  ["adam, all"] = function(p)
    return optim.adam(p, { lr = .01, beta1 = .8, beta2 = .95, eps = 1e-3, weight_decay = .1 })
  end,
  ["amsgrad"] = function(p)
    return optim.adam(p, { lr = .01, beta1 = .7, beta2 = .8, weight_decay = .1, amsgrad = true })
  end,
  ["adamw"] = function(p) return optim.adamw(p, { lr = .01 }) end,
  ["adamw, all"] = function(p)
    return optim.adamw(p, { lr = .01, beta1 = .8, beta2 = .95, eps = 1e-3, weight_decay = .2, amsgrad = true })
  end,
  ["groups"] = function(p)
    return optim.adamw({ { params = { p[1] } }, { params = { p[2] }, lr = .002, weight_decay = 0 } },
      { lr = .01, weight_decay = .2 })
  end,
  ["groups, sgd"] = function(p)
    return optim.sgd({ { params = { p[1] }, momentum = .5 }, { params = { p[2] }, lr = .1 } }, { lr = .01 })
  end,
}
local twins = { adamw = function(p) return own(p, { lr = .01 }) end }

local function one_step(list, step)
  list[1].tensor:set_grad(gradient(step, 0))
  if step % 3 == 0 then list[2].tensor:zero_grad() else list[2].tensor:set_grad(gradient(step, 1)) end
end

local function follow(name, make, want)
  local list = parameters()
  local optimizer = make(list)
  for step = 1, 50 do
    one_step(list, step)
    optimizer:step()
    for i, param in ipairs(want[step] and list or {}) do
      check.all_near(param.tensor:detach(), want[step][param.name], 1e-6, ("%s, step %d, %d"):format(name, step, i))
    end
  end
end

for name, want in pairs(golden.optimisers) do
  check.test("torch: " .. name, function()
    follow(name, makers[name], want)
    if twins[name] then follow("own " .. name, twins[name], want) end
  end)
end

-- 20 steps, or 7 steps, a checkpoint in a file, and 13 more: the same bits.
check.test("resumed from a file, every optimiser goes on to the last bit", function()
  makers["own"] = twins.adamw
  for name, make in pairs(makers) do
    local file = os.tmpname()
    local straight, list = parameters(), parameters()
    local a, b = make(straight), make(list)
    for step = 1, 20 do
      one_step(straight, step)
      a:step()
      if step == 8 then
        calr.safetensors.save(file, b:state())
        b = make(list)
        b:load_state(calr.safetensors.load(file))
      end
      one_step(list, step)
      b:step()
    end
    for i in ipairs(list) do check.ok(list[i].tensor:detach():equal(straight[i].tensor:detach()), name) end
    os.remove(file)
  end
end)

check.test("the rate of a group moves in proportion", function()
  local list = parameters()
  local optimizer = optim.sgd({ { params = { list[1] } }, { params = { list[2] }, lr = .5 } }, { lr = .25 })
  optimizer.lr = .125
  for _, p in ipairs(list) do p.tensor:set_grad(T.ones { N }) end
  local before = { list[1].tensor:detach():clone(), list[2].tensor:detach():clone() }
  optimizer:step()
  check.all_near(before[1] - list[1].tensor:detach(), T.full({ N }, .125), 1e-7)
  check.all_near(before[2] - list[2].tensor:detach(), T.full({ N }, .25), 1e-7)
  check.equal(#optimizer.groups, 2)
end)

check.test("groups by rules", function()
  local net = calr.nn.sequential(calr.nn.conv(3, 4), calr.nn.batch_norm(4), calr.nn.linear(4, 2)):init(1)
  local plain = optim.no_decay(net:parameters())
  check.equal(#plain, 2)
  check.equal(plain[1].weight_decay, 0)
  local count = 0
  for _, p in ipairs(plain[1].params) do
    check.equal(p.tensor:dim(), 1)
    count = count + 1
  end
  check.equal(count + #plain[2].params, #net:parameters())
  local found = optim.groups(net:parameters(), {
    { match = "^2%.", lr = .5 }, { match = function(_, tensor) return tensor:dim() == 1 end, weight_decay = 0 },
  })
  check.equal(#found, 3)
  check.equal(#found[1].params, 2)
  check.equal(found[1].lr, .5)
  local optimizer = optim.adamw(found, { lr = .1 })
  for _, p in ipairs(net:parameters()) do p.tensor:set_grad(T.ones(p.tensor:shape())) end
  optimizer:step()
  check.equal(#optim.groups(net:parameters(), {}), 1)
  check.fails("rule 1 (match = \"^classifier\") reaches no parameter; the first is named \"0.weight\"", function()
    optim.groups(net:parameters(), { { match = "^classifier", lr = 1 } })
  end)
  check.fails("rule 1 is not of the form {match=", function() optim.groups(net:parameters(), { { lr = 1 } }) end)
  check.fails("must be a Lua pattern or a function", function() optim.groups(net:parameters(), { { match = 1 } }) end)
  check.fails("test_optim_torch.lua:", function() optim.groups(net:parameters(), { { match = 1 } }) end)
end)

check.test("groups that do not fit are named", function()
  local list = parameters()
  check.fails("a group has no option \"wd\"", function() optim.adamw { { params = list, wd = 0 } } end)
  check.fails("(did you mean \"weight_decay\"?)", function() optim.sgd { { params = list, weight_deca = 0 } } end)
  check.fails("option \"lr\" must be a number, not a string in a group", function()
    optim.adamw { { params = list, lr = "1" } }
  end)
  check.fails("two parameters are named \"a\"", function() optim.sgd { { params = list }, { params = list } } end)
  check.fails("group 2 is not of the form {params=", function() optim.sgd { { params = list }, list } end)
  check.fails("nesterov takes no dampening", function()
    optim.sgd({ { params = list, dampening = .1 } }, { momentum = .9, nesterov = true })
  end)
  check.fails("test_optim_torch.lua:", function() optim.sgd { { params = list }, { params = list } } end)
  check.fails("there are no parameters to train", optim.adam, { { params = {} } })
  check.fails("nesterov takes no dampening", optim.sgd, list, { momentum = .9, nesterov = true, dampening = .1 })
  check.fails("dampening needs a momentum", optim.sgd, list, { dampening = .1 })
  check.fails("net:parameters()", optim.adam, calr.nn.linear(2, 2))
end)

check.test("a gradient that is not finite is named, and changes nothing", function()
  for _, make in pairs(makers) do
    local list = parameters()
    local optimizer = make(list)
    one_step(list, 1)
    optimizer:step()
    local before, state = list[1].tensor:detach():clone(), optimizer:state()["a.steps"]:item()
    one_step(list, 2)
    list[2].tensor:set_grad(T { 0, 1, 0 / 0, 1, 1, 1 })
    check.fails("the gradient of \"b\" is NaN at step 2", function() optimizer:step() end)
    check.fails("test_optim_torch.lua:", function() optimizer:step() end)
    list[2].tensor:set_grad(T { 0, 1, 1 / 0, 1, 1, 1 })
    check.fails("the gradient of \"b\" is infinite", function() optimizer:step() end)
    check.ok(list[1].tensor:detach():equal(before))
    check.equal(optimizer:state()["a.steps"]:item(), state)
  end
  local optimizer = optim.sgd(parameters())
  optimizer.lr = 0 / 0
  check.fails("the learning rate must be a number of 0 or more", function() optimizer:step() end)
end)

check.test("an optimiser of one's own: state of other shapes, options, errors", function()
  -- Adafactor's factored second moment: a row and a column.
  local factored = optim.define("factored", {
    options = { lr = 1, name = "x" },
    state = {
      row = function(w) return T.zeros { w:size(1) } end, column = function(w) return T.zeros { w:size(2) } end,
    },
    update = function(w, g, state, o)
      state.row = state.row + (g * g):sum(2)
      state.column = state.column + (g * g):sum(1)
      local v = calr.outer(state.row, state.column) / state.row:sum()
      w:sub_(g / v:sqrt() * o.lr)
    end,
  })
  check.equal(factored.options.lr, 1)
  local w = T { { 1, 2, 3 }, { 4, 5, 6 } }:requires_grad(true)
  local optimizer = factored({ { name = "w", tensor = w } }, { lr = .5 })
  w:set_grad(T.full({ 2, 3 }, 2))
  optimizer:step()
  check.all_near(w:detach(), { { .5, 1.5, 2.5 }, { 3.5, 4.5, 5.5 } }, 1e-6)
  local state = optimizer:state()
  check.equal(state["w.row"]:size(1), 2)
  check.equal(state["w.column"]:size(1), 3)
  local other = factored { { name = "w", tensor = w } }
  other:load_state(state)
  state["w.row"] = T { 1, 2, 3 }
  check.fails("\"w.row\" is f32[3]", other.load_state, other, state)

  local function define(spec) return optim.define("mine", spec) end
  local function update() end
  check.fails("mine needs update", define, { options = { lr = 1 } })
  check.fails("mine needs an option lr", define, { update = update })
  check.fails("has no option \"states\" (did you mean \"state\"?)", define, { update = update, states = {} })
  check.fails("\"step\" is no such name", define, { update = update, options = { lr = 1 }, state = { "step" } })
  check.fails("state.m must be a function(parameter)", define,
    { update = update, options = { lr = 1 }, state = { m = 0 } })
  local mine = define { update = update, options = { lr = 1 } }
  check.fails("mine has no option \"beta\"", function() mine({ { name = "w", tensor = w } }, { beta = 1 }) end)
  check.fails("test_optim_torch.lua:", function() local _ = mine({ { name = "w", tensor = w } }, { beta = 1 }) end)
  local forgetful = define { options = { lr = 1 }, update = function(_, g, s) s.m = g end }
  check.fails("mine: the state has no \"m\", so that a checkpoint would lose it; declared are: none", function()
    forgetful({ { name = "w", tensor = w } }):step()
  end)
  local shapeless = define { options = { lr = 1 }, state = { "m" }, update = function(_, g, s) s.m = g:sum() end }
  check.fails("mine: state.m of \"w\" became f32[]; it was f32[2 x 3]", function()
    shapeless({ { name = "w", tensor = w } }):step()
  end)
end)

local schedule = optim.schedule

check.test("schedules have PyTorch's rates", function()
  for line, want in pairs(golden.schedules) do
    local rate = assert(load("return " .. line, line, "t", schedule))()
    local got = {}
    for i = 1, #want do got[i] = rate(i - 1) end
    check.all_near(got, want, 1e-12, line)
    for i = #want, 1, -1 do check.equal(rate(i - 1), got[i], "a function of the position alone") end
  end
end)

check.test("a schedule beyond its end", function()
  for name, rate in pairs {
    cosine = schedule.cosine { lr = 1, total = 10, min = .5 }, polynomial = schedule.polynomial { lr = 1, total = 10 },
    linear = schedule.linear { lr = 1, total = 10 }, one_cycle = schedule.one_cycle { lr = 1, total = 11 },
    warm = schedule.warmup(schedule.cosine { lr = 1, total = 8 }, { total = 2 }),
  } do
    check.equal(rate.last, 10, name)
    local at_end = rate(10)
    check.fails("ends at position 10, and position 11 was asked for", function() return rate(11) end)
    check.fails("ends at position 10, and position 12", function() rate:check(12) end)
    rate:check(10)
    rate.hold = true
    check.equal(rate(11), at_end)
    rate:check(99)
  end
  check.equal(schedule.step({ lr = 1, every = 2 }).last, nil)
  check.equal(schedule.warmup(schedule.constant { lr = 3 }, { total = 4, start = 0 })(2), 1.5)
  check.equal(schedule.warmup(function(p) return p + 1 end, { total = 4, start = 0 })(6), 3)
  check.near(schedule.one_cycle({ lr = 1, total = 1 })(0), 1e-4 / 25, 1e-12)
  local optimizer = optim.sgd(parameters())
  check.equal(schedule.constant({ lr = 3 }):set(optimizer, 7), 3)
  check.equal(optimizer.lr, 3)
end)

check.test("schedules that do not fit are named", function()
  check.fails("calr.optim.schedule.cosine needs total", schedule.cosine, { lr = 1 })
  check.fails("total must be a number above 0, not 0", schedule.cosine, { lr = 1, total = 0 })
  check.fails("has no option \"t_max\"", schedule.cosine, { lr = 1, t_max = 2 })
  check.fails("every must be a whole number of at least 1, not 0.5", schedule.step, { lr = 1, every = .5 })
  check.fails("item 2 is 3", schedule.multi_step, { lr = 1, milestones = { 3, 3 } })
  check.fails("rise must be a number from 0 to 1, not 2", schedule.one_cycle, { lr = 1, total = 9, rise = 2 })
  check.fails("anneal must be", schedule.one_cycle, { lr = 1, total = 9, anneal = "exp" })
  check.fails("lr must be a number", schedule.constant, { lr = "1" })
  check.fails("first argument is a schedule", schedule.warmup, 5, { total = 1 })
  check.fails("must be a number of 0 or more, not -1", schedule.constant { lr = 1 }, -1)
end)

check.finish()
