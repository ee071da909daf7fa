---@meta calr.study.sampler.sobol
-- Made by `calr docs`; do not edit.

--- Quasi-random points: Sobol's sequence, which covers the space more evenly than chance does. Trial 1 has the first
--- point, whatever was told; what the constraint forbids is passed over, and so is what came before, in a space without
--- continuous parameters.
---
--- Options: `scramble` (true): nested uniform scrambling by the seed; false: the plain sequence, which begins in the
--- lowest corner.
---@class calr.study.sampler.sobol
local M = {}

return M
