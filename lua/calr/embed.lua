--- @module calr.embed
--- Features in the plane, for pictures: points that lie near each other were neighbours among the features.

local C = require "calr.cluster"
local arguments = require "calr.options"
local layout = require "calr.embed.layout"
local progress = require "calr.progress"
local T = require "calr.tensor"

local embed = {}

-- The first two principal components, so small that the first forces are those of neighbours.
local function principal_plane(x)
  local centred = x - x:mean(1, { keepdim = true })
  local _, vectors = T.eigh(centred:t():matmul(centred))
  local y = centred:matmul(vectors:narrow(2, vectors:size(2) - 1, 2)):flip(2):contiguous()
  local sd = y:narrow(2, 1, 1):std():item()
  return sd > 0 and y * (1e-4 / sd) or y
end

local function start_of(x, init, seed)
  if T.is(init) then return init:clone() end
  if init == "random" then
    return require("calr.rng").open({ seed = seed, purpose = "tsne" }):fill_normal(T.zeros { x:size(1), 2 }, 0, 1e-4)
  end
  return principal_plane(x)
end

local option_names = { "perplexity", "iterations", "exaggerated", "exaggeration", "learning_rate", "theta", "metric",
  "init", "seed", "quiet" }

--- calr.embed.tsne(x [, {perplexity=30, iterations=750, exaggerated=250, exaggeration=12, learning_rate=nil, theta=.5,
---   metric="euclidean", init="pca", seed=0, quiet=false}])
--- t-SNE (van der Maaten and Hinton, JMLR 9, 2008) on exact nearest neighbours with Barnes and Hut's approximation (van
--- der Maaten, JMLR 15, 2014). Distances between far groups mean little in such a picture, and neither do the sizes of
--- groups. The same start gives the same bits for any number of threads; init = "pca" gives the same start for the same
--- number of threads.
--- @param x              f32[n x d], one row an image, n at least 4
--- @param perplexity     about how many neighbours count; at most (n - 1) / 3
--- @param iterations     after the exaggerated ones
--- @param exaggerated    first iterations, in which neighbours attract each other `exaggeration` times as much
--- @param exaggeration   see exaggerated
--- @param learning_rate  number; default: n / exaggeration / 4, at least 50, as scikit-learn has it (Belkina et al.,
---                       Nature
---                       Communications 10, 2019)
--- @param theta          0 .. 0.7, coarseness of the approximation; 0 is exact, and slow
--- @param metric         "euclidean", or "cosine": of rows of length 1
--- @param init           "pca", the first two principal components; "random"; or f32[n x 2]
--- @param seed           of init = "random"
--- @param quiet          without a progress line
--- @return tensor  f32[n x 2]
--- @return number  the divergence KL(P || Q) at the end
function embed.tsne(x, options)
  local o = arguments.check("calr.embed.tsne", options, option_names)
  if not (T.is(x) and x:dtype() == "f32" and x:dim() == 2 and x:size(1) >= 4) then
    error(("calr.embed.tsne: features are f32[n x d] with n of at least 4, not %s"):format(tostring(x)), 2)
  end
  local n = x:size(1)
  local perplexity = o.perplexity or math.min(30, (n - 1) / 3)
  if not (type(perplexity) == "number" and perplexity >= 1 and perplexity <= (n - 1) / 3) then
    error(("calr.embed.tsne: the perplexity must be 1 to (n - 1) / 3 = %.4g for %d rows, not %s"):format((n - 1) / 3, n,
      tostring(perplexity)), 2)
  end
  local metric = o.metric or "euclidean"
  if metric ~= "euclidean" and metric ~= "cosine" then
    error(("calr.embed.tsne: there is no metric \"%s\"; there are: euclidean, cosine"):format(tostring(metric)), 2)
  end
  if o.init and o.init ~= "pca" and o.init ~= "random" and not T.is(o.init) then
    error(("calr.embed.tsne: init must be \"pca\", \"random\" or f32[n x 2], not %s"):format(tostring(o.init)), 2)
  end
  if metric == "cosine" then x = x:l2_normalize() end
  local k = math.min(n - 1, math.floor(3 * perplexity))
  local found = C.knn(x, { k = k, metric = "euclidean", include_self = false })
  local offsets, columns, values = layout.similarities(found.indices, found.distances, perplexity)
  local y = start_of(x, o.init, o.seed or 0)
  local velocity, gains = T.zeros { n, 2 }, T.ones { n, 2 }
  local exaggerated, rest = o.exaggerated or 250, o.iterations or 750
  local bar <close> = not o.quiet and progress.new("t-SNE", exaggerated + rest) or nil
  local divergence
  local function descend(iterations, exaggeration, momentum, done)
    local rate = o.learning_rate or math.max(50, n / (o.exaggeration or 12) / 4)
    for first = 0, iterations - 1, 25 do
      local count = math.min(25, iterations - first)
      divergence = layout.descend(offsets, columns, values, y, velocity, gains, { iterations = count,
        exaggeration = exaggeration, momentum = momentum, learning_rate = rate, theta = o.theta or 0.5 })
      if bar then bar:update(done + first + count, ("divergence %.3f"):format(divergence)) end
    end
  end
  descend(exaggerated, o.exaggeration or 12, 0.5, 0)
  descend(rest, 1, 0.8, exaggerated)
  return y, select(2, layout.gradient(offsets, columns, values, y, { theta = o.theta or 0.5 }))
end

return (arguments.counted("calr.embed.", embed))
