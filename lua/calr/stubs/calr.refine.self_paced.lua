---@meta calr.refine.self_paced
-- Made by `calr docs`; do not edit.

--- Self-paced score threshold: easy images first (self-paced learning, Kumar et al., NIPS 2010). Of the clustered
--- images those with the lowest node scores wait: epoch 0 keeps a share `keep_first` (0.8) of them, the last epoch
--- keeps all, the epochs between go up in a line. The threshold is the quantile of the scores that does this.
---@class calr.refine.self_paced
local M = {}

return M
