--- @module calr.refine.self_paced
--- Self-paced score threshold: easy images first (self-paced learning, Kumar et al., NIPS 2010). Of the clustered
--- images those with the lowest node scores wait: epoch 0 keeps a share `keep_first` (0.8) of them, the last epoch
--- keeps all, the epochs between go up in a line. The threshold is the quantile of the scores that does this.

local L = require "calr.labels"

return function(context)
  local first = context.options.keep_first or 0.8
  local progress = context.epoch / math.max(1, context.epochs - 1)
  local keep = math.min(1, first + (1 - first) * progress)
  local clustered = L.at_least(context.global, 0)
  local threshold = L.quantile(context.scores, 1 - keep, clustered) or 0
  local weak = L.both(clustered, L.invert(L.at_least(context.scores, threshold)))
  return L.where(weak, -1, context.global), { ["its score is too low for this epoch"] = weak }
end
