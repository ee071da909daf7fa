---@meta calr.refine.merge
-- Made by `calr docs`; do not edit.

--- Mutual pivots: each global cluster is spoken for by its image with the highest node score. Two clusters whose pivots
--- are each the other's nearest pivot, with a cosine similarity of at least `merge_similarity` (0.7), become one.
--- Nothing is discarded: this raises recall where cameras split a person, and costs precision where it is wrong.
---@class calr.refine.merge
local M = {}

return M
