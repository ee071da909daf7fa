--- @module calr.pipeline.rate
--- The learning rate of stage 2, as the options of a configuration say: schedule, warmup and their like.

local schedules = require "calr.optim".schedule
local errors = require "calr.errors"

local rate = {}

-- Options that belong to some schedules only: a value other than the usual one would do nothing with others.
local belongs = {
  { "milestones", function(value) return #value > 0 end, ["multi-step"] = true },
  { "lr_min", function(value) return value ~= 0 end, cosine = true, polynomial = true },
  { "lr_power", function(value) return value ~= 1 end, polynomial = true },
}

local function check_milestones(cfg)
  local before = cfg.warmup or 0
  if #cfg.milestones == 0 then errors.usage "schedule=multi-step needs milestones, such as milestones=40,70" end
  for _, milestone in ipairs(cfg.milestones) do
    if type(milestone) ~= "number" or not (milestone > before) then
      errors.usage("option \"milestones\" must be rising numbers of epochs, above warmup = %g; %s is not",
        cfg.warmup or 0, tostring(milestone))
    end
    before = milestone
  end
end

--- calr.pipeline.rate.check(cfg)
--- Ends the program, as a wrong option does, where the options of the schedule contradict each other.
function rate.check(cfg)
  local name = cfg.schedule or "step"
  for _, rule in ipairs(belongs) do
    local value = cfg[rule[1]]
    if value ~= nil and rule[2](value) and not rule[name] then
      errors.usage("option \"%s\" does nothing with schedule=%s", rule[1], name)
    end
  end
  if name == "multi-step" then check_milestones(cfg) end
  if (cfg.lr_min or 0) > cfg.lr then errors.usage("option \"lr_min\" must be at most lr = %g", cfg.lr) end
  if cfg.epochs > 0 and (cfg.warmup or 0) > 0 and cfg.warmup >= cfg.epochs then
    errors.usage("option \"warmup\" must be below epochs = %d; %g is not", cfg.epochs, cfg.warmup)
  end
end

-- The schedule behind the warm-up. unit: positions in an epoch; total: positions that are left for it.
local behind = {
  constant = function(cfg) return schedules.constant { lr = cfg.lr } end,
  step = function(cfg, unit)
    return schedules.step { lr = cfg.lr, every = cfg.lr_every * unit, factor = cfg.lr_factor }
  end,
  exponential = function(cfg, unit)
    return schedules.exponential { lr = cfg.lr, factor = unit == 1 and cfg.lr_factor or cfg.lr_factor ^ (1 / unit) }
  end,
  cosine = function(cfg, _, total) return schedules.cosine { lr = cfg.lr, total = total, min = cfg.lr_min } end,
  polynomial = function(cfg, _, total)
    return schedules.polynomial { lr = cfg.lr, total = total, min = cfg.lr_min, power = cfg.lr_power }
  end,
  ["one-cycle"] = function(cfg, _, total) return schedules.one_cycle { lr = cfg.lr, total = total } end,
}

behind["multi-step"] = function(cfg, unit)
  local milestones = {}
  for i, milestone in ipairs(cfg.milestones) do milestones[i] = (milestone - (cfg.warmup or 0)) * unit end
  return schedules.multi_step { lr = cfg.lr, milestones = milestones, factor = cfg.lr_factor }
end

--- calr.pipeline.rate.names
--- The schedules that the option `schedule` knows.
rate.names = { "step", "multi-step", "exponential", "cosine", "polynomial", "one-cycle", "constant" }

local function configured(cfg, unit)
  local warmup = (cfg.warmup or 0) * unit
  local schedule = behind[cfg.schedule or "step"](cfg, unit, math.max(1, cfg.epochs * unit - warmup))
  if warmup == 0 then return schedule end
  return schedules.warmup(schedule, { total = warmup, start = cfg.warmup_start })
end

-- A schedule of the script's, which may be a function, gives a rate at the first and the last position.
local function check_own(schedule, last)
  local meta = getmetatable(schedule)
  if type(schedule) ~= "function" and not (type(meta) == "table" and meta.__call) then
    error(("schedule must be one of calr.optim.schedule or a function(position), not a %s"):format(type(schedule)), 0)
  end
  if type(schedule) == "table" and schedule.check then schedule:check(last) end
  for _, position in ipairs { 0, last } do
    local value = schedule(position)
    if type(value) ~= "number" or not (value >= 0 and value < math.huge) then
      error(("the schedule gives %s at position %g; a learning rate is a number of 0 or more"):format(tostring(value),
        position), 0)
    end
  end
  return schedule
end

local Rate = {}
Rate.__index = Rate

--- calr.pipeline.rate.new(cfg, optimizer [, own])
--- The learning rate of a run. A schedule that ends before the run does is an error here, before the first batch.
--- @param own  a schedule or function(position) in place of that of the configuration; its positions are epochs, or
---             iterations with lr_by=iteration
--- @return table  :epoch(e), called before an epoch, and :iteration(e, i, n), called before batch i of n
function rate.new(cfg, optimizer, own)
  local by_iteration = cfg.lr_by == "iteration"
  local unit = by_iteration and cfg.iterations or 1
  local last = math.max(0, cfg.epochs * unit - 1)
  local schedule = own and check_own(own, last) or configured(cfg, unit)
  return setmetatable({ schedule = schedule, optimizer = optimizer, by_iteration = by_iteration, unit = unit,
    last = last }, Rate)
end

function Rate:epoch(epoch)
  self.optimizer.lr = self.schedule(epoch * self.unit)
end

function Rate:iteration(epoch, i, n)
  if not self.by_iteration then return end
  -- A sampler of the script's may draw another number of batches than the option `iterations` says.
  self.optimizer.lr = self.schedule(math.min(self.last, epoch * self.unit + (i - 1) * self.unit / n))
end

return (require("calr.options").counted("calr.pipeline.rate.", rate))
