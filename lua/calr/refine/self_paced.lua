--- @module calr.refine.self_paced
--- Self-paced score threshold: easy images first (self-paced learning, Kumar et al., NIPS 2010). Of the clustered
--- images those with the lowest node scores wait: epoch 0 keeps a share `keep_first` of them, the last epoch
--- keeps all, the epochs between go up in a line. The threshold is the quantile of the scores that does this.

local T = require "calr.tensor"
local option = require("calr.config").option

--- calr.refine.self_paced.apply(context)
--- The rule: see calr.refine for the context.
--- @return tensor  labels
--- @return table   reasons
local function apply(context)
  local first = context.options.keep_first
  local progress = context.epoch / math.max(1, context.epochs - 1)
  local keep = math.min(1, first + (1 - first) * progress)
  local clustered = context.global:ge(0)
  local scores = context.scores[clustered]:to "f64"
  local threshold = scores:numel() > 0 and scores:quantile(1 - keep):item() or 0
  local weak = clustered & context.scores:lt(threshold)
  return T.where(weak, -1, context.global), { ["its score is too low for this epoch"] = weak }
end

return {
  options = {
    keep_first = option(0.8, "share of the clustered images that epoch 0 keeps", { 0, 1 }),
  },
  apply = apply,
}
