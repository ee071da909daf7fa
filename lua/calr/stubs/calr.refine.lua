---@meta calr.refine
-- Made by `calr docs`; do not edit.

--- Refinement rules. A rule is a Lua file that returns a function(context) -> labels [, reasons].
---
--- The context holds, for all n training images: `global` i32[n] (global clusters, -1 outlier), `locals` i32[n] (local
--- clusters inside the cameras, numbered so that no two cameras share a number), `cameras` i32[n], `scores` f32[n]
--- (node scores), `features` f32[n x d], and `epoch` (from 0), `epochs`, `seed`, `pace` (a function, see
--- calr.refine.pace) and `options` (a table of the configuration). The labels that come back are i32[n]; numbers need
--- not be free of gaps, calr.refine.apply tidies them. `reasons` may be a table of text -> mask u8[n]: why images were
--- discarded; it is counted into the run's record.
---@class calr.refine
local M = {}

---@return table # the rules that come with calr
function M.names() end

--- A rule by its name, or by the path of a file of your own (anything with a slash, or that ends in .lua). A mistake in
--- the file is an error with its line.
---@param name any "pivot", "none", "path/to/my_rule.lua"
---@return function # context -> labels, reasons
function M.load(name) end

--- Runs a rule and tidies what it returns: clusters numbered without gaps, those of fewer than two images outliers.
---@param rule any
---@param context any
---@return tensor # i32[n]
---@return table # text -> number of images discarded for that reason
function M.apply(rule, context) end

--- How likely a wrong member is discarded, by epoch: "always" (1; what the authors' code runs) or "cosine"
--- (0.5 (1 + cos(pi epoch / (3 epochs)))), or the path of a file of your own that returns a function(epoch, epochs) ->
--- probability (anything with a slash, or that ends in .lua).
---@param name any a name, a path, or such a function
---@return function # (epoch from 0, epochs) -> probability
function M.pace(name) end

return M
