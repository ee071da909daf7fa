---@meta calr.refine
-- Made by `calr docs`; do not edit.

--- Refinement rules. A rule is a Lua file that returns a function(context) -> labels [, reasons].
---
--- The context holds, for all n training images: `global` i32[n] (global clusters, -1 outlier), `locals` i32[n] (local
--- clusters inside the cameras, numbered so that no two cameras share a number), `cameras` i32[n], `scores` f32[n]
--- (node scores), `features` f32[n x d], `neighbours` (indices i32[n x k] and similarities f32[n x k], as
--- calr.cluster.knn gives them), and `epoch` (from 0), `epochs`, `seed`, `pace` (a function, see calr.refine.pace) and
--- `options` (a table of the configuration). The labels that come back are i32[n]; numbers need not be free of gaps,
--- calr.refine.apply tidies them. `reasons` may be a table of text -> mask u8[n]: why images were discarded. They are
--- counted into the run's metrics, and kept for each image in its snapshots.
---
--- `calr refine` tries rules on the snapshots of a run: see calr.cli.refine.
---@class calr.refine
local M = {}

---@return table # the rules that come with calr
---@return table # name -> what it keeps, in a few words
function M.names() end

--- A rule by its name, or by the path of a file of your own (anything with a slash, or that ends in .lua). A mistake in
--- the file is an error with its line.
---@param name any such as "pivot", "none", "path/to/my_rule.lua"
---@return function # context -> labels, reasons
function M.load(name) end

--- Runs a rule and tidies what it returns: clusters numbered without gaps, those of fewer than two images outliers.
---
--- Discarded images are those of a global cluster that end as outliers. Each counts for one reason: the first, in the
--- order of the alphabet, whose mask has it; "alone in its cluster" when the rule kept it and nobody else; otherwise
--- "no reason given".
---@param rule any
---@param context any
---@return tensor # i32[n]
---@return table # text -> number of images discarded for that reason
---@return table # why each image was discarded: `texts`, a list, and `of`, i32[n], places in it from 0, -1 for images that were not
function M.apply(rule, context) end

--- How likely a wrong member is discarded, by epoch: "always" (1; what the authors' code runs) or "cosine"
--- (0.5 (1 + cos(pi epoch / (3 epochs)))), or the path of a file of your own that returns a function(epoch, epochs) ->
--- probability (anything with a slash, or that ends in .lua).
---@param name any a name, a path, or such a function
---@return function # (epoch from 0, epochs) -> probability
function M.pace(name) end

return M
