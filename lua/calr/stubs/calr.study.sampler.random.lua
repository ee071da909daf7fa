---@meta calr.study.sampler.random
-- Made by `calr docs`; do not edit.

--- Points drawn independently and uniformly; uniformly in the logarithm where a range is logarithmic. In a space
--- without continuous parameters no point comes twice, and there is an end. No options of its own.
---@class calr.study.sampler.random
local M = {}

return M
