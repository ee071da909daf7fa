--- @module calr.optim.schedule
--- Schedules of the learning rate: each is a function of the position alone, so that a resumed run goes on with the
--- very same rates.
---
---     local rate = calr.optim.schedule.warmup(calr.optim.schedule.cosine { lr = 0.1, total = 115 }, { total = 5 })
---     for epoch = 0, 119 do
---       optimizer.lr = rate(epoch)
---       ...
---
--- Positions count from 0, in epochs or in iterations, whichever you like; parts of an epoch are fine. The values are
--- those of torch.optim.lr_scheduler after as many steps. `total` is where a schedule ends. A position beyond the end
--- is an error, because most such positions are mistakes; `hold = true` keeps the last value. (PyTorch raises an error
--- for one-cycle, holds the last value of the polynomial and the linear one, and lets the cosine rise again.)
--- schedule:check(position) raises that error beforehand; calr.pipeline.epochs does so before the first batch.

local arguments = require "calr.options"

local schedule = {}

--- @class schedule
--- A learning rate for each position.
--- @call fun(position: number): number
--- @field name  string
--- @field last  number; the last position, or nil where there is no end

local Schedule = {}
Schedule.__index = Schedule

local function beyond(self, position)
  return ("the schedule \"%s\" ends at position %g, and position %g was asked for: give it a larger total, or hold = "
    .. "true to keep the last value"):format(self.name, self.last, position)
end

function Schedule:__call(position)
  if type(position) ~= "number" or not (position >= 0 and position < math.huge) then
    error(("the position in a schedule must be a number of 0 or more, not %s"):format(tostring(position)), 2)
  end
  if self.last and position > self.last then
    if not self.hold then error(beyond(self, position), 2) end
    position = self.last
  end
  return self.rate(position)
end

function Schedule:__tostring()
  return ("schedule %s%s"):format(self.name, self.last and (" to position %g"):format(self.last) or "")
end

--- schedule:check(position)
--- Raises an error if a schedule ends before a position.
--- @param position  number; the last that will be asked for
function Schedule:check(position)
  if self.last and position > self.last and not self.hold then error(beyond(self, position), 2) end
end

--- schedule:set(optimizer, position)
--- Sets the rate of an optimiser: the same as optimizer.lr = schedule(position).
--- @return number  the rate
function Schedule:set(optimizer, position)
  optimizer.lr = self(position)
  return optimizer.lr
end

local function new(name, rate, last, hold)
  return setmetatable({ name = name, rate = rate, last = last, hold = hold or false }, Schedule)
end

-- Options by rules: name -> {default, low, above=true where low itself is out, high, integer=true}. No default: needed.
local function read(name, given, rules)
  local what, names, o = "calr.optim.schedule." .. name, {}, {}
  for option, rule in pairs(rules) do names[#names + 1], o[option] = option, rule[1] end
  table.sort(names)
  for option, value in pairs(arguments.check(what, given, names, 2)) do o[option] = value end
  for _, option in ipairs(names) do
    local value, rule = o[option], rules[option]
    local wanted = type(rule[1]) ~= "nil" and type(rule[1]) or rule.kind or "number"
    if value == nil then error(("%s needs %s"):format(what, option), 3) end
    local fits = type(value) == wanted
    if fits and wanted == "number" then
      fits = value == value and value >= (rule.low or 0) and not (rule.above and value == (rule.low or 0))
        and value <= (rule.high or math.huge) and value < math.huge and not (rule.integer and value % 1 ~= 0)
    end
    if not fits then
      error(("%s: %s must be %s, not %s"):format(what, option, wanted ~= "number" and "a " .. wanted
        or (rule.integer and "a whole number " or "a number ") .. (rule.high and ("from %g to %g"):format(rule.low or 0,
          rule.high) or ("%s %g"):format(rule.above and "above" or "of at least", rule.low or 0)), tostring(value)), 3)
    end
  end
  return o
end

local rate_rule, hold_rule = { nil, low = 0 }, { false }
local length_rule = { nil, low = 0, above = true }

--- calr.optim.schedule.constant{lr=}
--- @return schedule  lr at every position
function schedule.constant(options)
  local o = read("constant", options, { lr = rate_rule })
  return (new("constant", function() return o.lr end))
end

--- calr.optim.schedule.step{lr=, every=, factor=.1}
--- StepLR: lr factor^floor(position / every).
--- @return schedule  without an end
function schedule.step(options)
  local o = read("step", options, { lr = rate_rule, every = { nil, low = 1, integer = true },
    factor = { .1, low = 0 } })
  return (new("step", function(position) return o.lr * o.factor ^ (position // o.every) end))
end

--- calr.optim.schedule.multi_step{lr=, milestones=, factor=.1}
--- MultiStepLR: lr times factor for each milestone at or before the position.
--- @param milestones  list of numbers, each above the one before
--- @return schedule  without an end
function schedule.multi_step(options)
  local o = read("multi_step", options, { lr = rate_rule, milestones = { nil, kind = "table" },
    factor = { .1, low = 0 } })
  local before = -math.huge
  for i, milestone in ipairs(o.milestones) do
    if type(milestone) ~= "number" or not (milestone > before) then
      error(("calr.optim.schedule.multi_step: milestones must be rising numbers; item %d is %s"):format(i,
        tostring(milestone)), 2)
    end
    before = milestone
  end
  return (new("multi_step", function(position)
    local passed = 0
    while o.milestones[passed + 1] and position >= o.milestones[passed + 1] do passed = passed + 1 end
    return o.lr * o.factor ^ passed
  end))
end

--- calr.optim.schedule.exponential{lr=, factor=}
--- ExponentialLR: lr factor^position.
--- @return schedule  without an end
function schedule.exponential(options)
  local o = read("exponential", options, { lr = rate_rule, factor = { nil, low = 0 } })
  return (new("exponential", function(position) return o.lr * o.factor ^ position end))
end

-- From one rate to another along half a cosine; part runs from 0 to 1.
local function along_cosine(from, to, part)
  return to + (from - to) * (1 + math.cos(math.pi * part)) / 2
end

local function along_line(from, to, part)
  return from + (to - from) * part
end

--- calr.optim.schedule.cosine{lr=, total=, min=0, hold=false}
--- CosineAnnealingLR (Loshchilov and Hutter, ICLR 2017, equation 5, without restarts):
--- min + (lr - min) (1 + cos(pi position / total)) / 2.
--- @return schedule  from 0 to total
function schedule.cosine(options)
  local o = read("cosine", options, { lr = rate_rule, total = length_rule, min = { 0, low = 0 }, hold = hold_rule })
  return (new("cosine", function(position) return along_cosine(o.lr, o.min, position / o.total) end, o.total, o.hold))
end

--- calr.optim.schedule.polynomial{lr=, total=, power=1, min=0, hold=false}
--- PolynomialLR: min + (lr - min) (1 - position / total)^power.
--- @return schedule  from 0 to total
function schedule.polynomial(options)
  local o = read("polynomial", options, { lr = rate_rule, total = length_rule, power = { 1, low = 0, above = true },
    min = { 0, low = 0 }, hold = hold_rule })
  return (new("polynomial", function(position)
    return o.min + (o.lr - o.min) * (1 - position / o.total) ^ o.power
  end, o.total, o.hold))
end

--- calr.optim.schedule.linear{lr=, total=, start=1/3, finish=1, hold=false}
--- LinearLR: lr times a factor that runs from start to finish.
--- @return schedule  from 0 to total
function schedule.linear(options)
  local o = read("linear", options, { lr = rate_rule, total = length_rule, start = { 1 / 3, low = 0 },
    finish = { 1, low = 0 }, hold = hold_rule })
  return (new("linear", function(position)
    return o.lr * along_line(o.start, o.finish, position / o.total)
  end, o.total, o.hold))
end

--- calr.optim.schedule.one_cycle{lr=, total=, rise=.3, start=1/25, finish=1e-4, anneal="cos", hold=false}
--- OneCycleLR (Smith and Topin, arXiv 1708.07120): from lr start up to lr, then down to lr start finish. Of the
--- total positions, the last is total - 1, as in PyTorch; the momentum stays as it is (cycle_momentum=False).
--- @param lr      the highest rate (max_lr)
--- @param rise    part of the positions that the rise takes, 0 .. 1 (pct_start)
--- @param start   first rate, as a part of lr (1 / div_factor)
--- @param finish  last rate, as a part of the first (1 / final_div_factor)
--- @param anneal  "cos" or "linear"
--- @return schedule  from 0 to total - 1
function schedule.one_cycle(options)
  local o = read("one_cycle", options, { lr = rate_rule, total = { nil, low = 1 }, rise = { .3, low = 0, high = 1 },
    start = { 1 / 25, low = 0 }, finish = { 1e-4, low = 0 }, anneal = { "cos" }, hold = hold_rule })
  local along = ({ cos = along_cosine, linear = along_line })[o.anneal]
  if not along then
    error(("calr.optim.schedule.one_cycle: anneal must be \"cos\" or \"linear\", not \"%s\""):format(o.anneal), 2)
  end
  local first, top, last = o.lr * o.start, o.rise * o.total - 1, o.total - 1
  return (new("one_cycle", function(position)
    if position <= top then return along(first, o.lr, top > 0 and position / top or 1) end
    return along(o.lr, first * o.finish, last > top and (position - top) / (last - top) or 1)
  end, last, o.hold))
end

--- calr.optim.schedule.warmup(schedule, {total=, start=.01})
--- Puts a linear warm-up in front of any schedule, as SequentialLR with LinearLR does: at positions below total, the
--- schedule's first rate times a factor that runs from start to 1; then the schedule, from its position 0 on.
--- @param schedule  a schedule, or a function(position) -> number
--- @param total     how many positions the warm-up takes; 0: none
--- @param start     factor of position 0
--- @return schedule  it ends `total` later than the one behind it
function schedule.warmup(behind, options)
  local o = read("warmup", options, { total = { nil, low = 0 }, start = { .01, low = 0 } })
  local meta = getmetatable(behind)
  if type(behind) ~= "function" and not (type(meta) == "table" and meta.__call) then
    error(("calr.optim.schedule.warmup: the first argument is a schedule or a function(position), not a %s"):format(
      type(behind)), 2)
  end
  local is_schedule = meta == Schedule
  local last = is_schedule and behind.last and behind.last + o.total or nil
  return (new(is_schedule and behind.name .. ", with a warm-up" or "warm-up", function(position)
    if position < o.total then return behind(0) * along_line(o.start, 1, position / o.total) end
    return behind(position - o.total)
  end, last, is_schedule and behind.hold))
end

arguments.counted("schedule:", Schedule)
return (arguments.counted("calr.optim.schedule.", schedule))
