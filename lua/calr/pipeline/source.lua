--- @module calr.pipeline.source
--- Domain adaptation: before the stages that know no identities, the network is trained on a labelled data set, the
--- source (option source). The figures of the network as it then is, on the target, are those of direct transfer.

local config = require "calr.pipeline.config"
local data = require "calr.data"
local evaluation = require "calr.pipeline.evaluation"
local memory = require "calr.memory"
local optim = require "calr.optim"
local optimizers = require "calr.pipeline.optimizer"
local phases = require "calr.phases"
local states = require "calr.pipeline.states"
local sys = require "calr.sys"
local train = require "calr.pipeline.train"

local PART = 65535 -- of the seeds (config.stage_seed): beyond any camera of stage 1

local function open(cfg)
  if sys.exists(cfg.data) and sys.absolute(cfg.data) == sys.absolute(cfg.source) then
    error(("source=%s is the data set to adapt to; the source is another, with identities"):format(cfg.source), 0)
  end
  local source = data.open(cfg.source)
  local _, count = source:train():labels()
  if count < 2 then
    error(("source=%s has %d identities to train on; supervised training needs two at least"):format(cfg.source,
      count), 0)
  end
  return source, count
end

-- The epoch that comes next, with the state of the newest checkpoint; 0 without one.
local function restore(run, net, optimizer, fingerprint)
  local tensors, state = run:restore "source"
  if not tensors then return 0 end
  if state.source ~= fingerprint then
    error("the source has changed since this run began; give it the data set that it had, or begin a new run", 0)
  end
  config.take_up(run, function()
    net:load_state(states.get("net.", tensors))
    optimizer:load_state(states.get("optimizer.", tensors))
  end)
  return state.epoch + 1
end

-- One epoch of contrast against the centres of the true identities.
local function train_epoch(o, cfg, epoch)
  local features = phases.measure("features", evaluation.features, o.net, o.split, cfg)
  o.epoch = epoch
  o.memory = memory.cluster { features = features, labels = o.labels, momentum = cfg.momentum,
    temperature = cfg.temperature, update = cfg.update }
  return (phases.measure("training", train, o))
end

--- calr.pipeline.source(net, data, cfg) Trains the network on the source that the configuration names, once in a run,
--- and measures it on the target: the record has the line {stage="transfer", transfer={mAP=, ...}}. Nothing happens
--- without a source. A resumed run goes on where it was. calr.pipeline.intra and calr.pipeline.epochs call it before
--- anything else.
return function(net, target, cfg)
  local run = config.run_of(cfg, target, net)
  if (cfg.source or "") == "" or run.source_done then return end
  run.source_done = true
  local source, count = open(cfg)
  local split = source:train()
  local optimizer = optimizers.make(cfg, net:parameters(), cfg.lr)
  local schedule = optim.step_schedule(optimizer, { every = cfg.lr_every, factor = cfg.lr_factor })
  local first = restore(run, net, optimizer, source:fingerprint())
  if first == 0 then
    run:log("source: %s, %d images of %d identities", source:name(), split:count(), count)
  end
  local o = { net = net, optimizer = optimizer, split = split, cameras = split:cameras(), labels = split:labels(),
    cfg = cfg, seed = config.stage_seed(cfg, PART), label = "source", group = "", clusters = cfg.clusters,
    instances = cfg.instances, iterations = cfg.source_iterations }
  for epoch = first, cfg.source_epochs - 1 do
    schedule:epoch(epoch)
    local loss = train_epoch(o, cfg, epoch)
    run:metric { stage = "source", epoch = epoch, loss = loss, lr = optimizer.lr }
    if epoch + 1 == cfg.source_epochs then
      run:metric { stage = "transfer", transfer = evaluation.evaluate(net, target, cfg, "direct transfer") }
    end
    local tensors = states.put("net.", net:state(), states.put("optimizer.", optimizer:state(), {}))
    run:checkpoint("source", { tensors = tensors, state = { epoch = epoch, source = source:fingerprint() } })
  end
end
