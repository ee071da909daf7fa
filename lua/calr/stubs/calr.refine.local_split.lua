---@meta calr.refine.local_split
-- Made by `calr docs`; do not edit.

--- Local-majority split: the images of a global cluster and a camera belong together when they are of one local
--- cluster. The local cluster that most of them have stays; the others leave, but are not thrown away: those of one
--- local cluster become a cluster of their own when they are at least `split_members` (4), and outliers otherwise.
---@class calr.refine.local_split
local M = {}

return M
