--- @module calr.pipeline.trial
--- Tries a refinement rule on a made-up epoch before a run begins: what is wrong with its result, or with the names
--- that it reads, shows before hours of training and not after.

local C = require "calr.cluster"
local T = require "calr.tensor"
local refine = require "calr.refine"
local rng = require "calr.rng"

local COUNT, CAMERAS, CLUSTER, DIM = 96, 3, 12, 16 -- images, cameras, images of a cluster, features

-- Clusters of twelve images under three cameras; each eighth image is an outlier, and local clusters are of four.
local function epoch(options)
  local function each(value)
    local list = {}
    for i = 0, COUNT - 1 do list[i + 1] = value(i) end
    return T(list, "i32")
  end
  local features = T.zeros { COUNT, DIM }
  rng.open({ seed = 1, purpose = "trial" }):fill_normal(features)
  local scores = T.zeros { COUNT }
  for i = 1, COUNT do scores:set(i, (i * 37 % 96 + 1) / 5000) end
  return {
    global = each(function(i) return i % 8 == 7 and -1 or i // CLUSTER end),
    locals = each(function(i) return i % CAMERAS * 100 + i // CLUSTER end),
    cameras = each(function(i) return i % CAMERAS end),
    scores = scores, features = features, neighbours = C.knn(features, { k = 15 }),
    epoch = 0, epochs = 10, seed = 1, options = options,
  }
end

--- calr.pipeline.trial(name, options)
--- Raises an error if a rule's result is none, or if it reads fields or options that there are not. Any other error of
--- the rule may be the made-up data's fault.
--- @param name     string; path of the rule's file, which is loaded anew
--- @param options  table; of the configuration
--- @return string|nil  that other error, if there was one
return function(name, options)
  local rule, problem = refine.load(name), nil
  local apply = rule.apply
  function rule.apply(context)
    local results = table.pack(pcall(apply, context))
    if results[1] then return table.unpack(results, 2, results.n) end
    problem = tostring(results[2])
    error(problem, 0)
  end
  local ok, message = pcall(refine.apply, rule, epoch(options))
  if ok then return nil end
  if not problem then
    error(("%s (found on a made-up epoch of %d images, before the training)"):format(message, COUNT), 0)
  end
  if problem:find("; there are: ", 1, true) then apply(epoch(options)) end -- once more, with the rule's own traceback
  return problem
end
