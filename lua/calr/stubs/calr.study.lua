---@meta calr.study
-- Made by `calr docs`; do not edit.

--- Studies: ablations, grids and searches that finish, resume and mean something.
---
---     local S = calr.study "refinement" {
---       goal = "max mAP", seeds = {1, 2, 3, 4, 5, 6}, script = "calr.lua",
---       base = { data = "street.lmdb", epochs = 20 },
---     }
---     S:ablate { {"Baseline", refine = "none"}, {"+ refinement", refine = "pivot"} }
---     S:run()
---     S:table { rows = "label", columns = { "mAP", "rank1" }, versus = "Baseline" }
---
--- `calr study FILE.lua` runs it; the record is the folder studies/NAME. To run it again is to go on: what is finished
--- is skipped, what was interrupted goes on from its checkpoint. A trial is known by its configuration, its seed, the
--- code that it runs and the data that it reads.
---
--- S.float, S.int, S.choice and S.zip describe values (calr.study.space); S.median, S.asha, S.hyperband and S.wilcoxon
--- are pruners (calr.study.pruner). They are also fields of calr.study.
---@class calr.study
local M = {}

--- For `prune`: gives up trials below the median of the others at the same step; see calr.study.pruner.median.
---@param options any
---@return table
function M.median(options) end

--- For `prune`: asynchronous successive halving, `S.asha { min = 5, eta = 4 }`; see calr.study.pruner.asha.
---@param options any
---@return table
function M.asha(options) end

--- For `prune`: several successive halvings of different patience; see calr.study.pruner.hyperband.
---@param options any
---@return table
function M.hyperband(options) end

--- For `prune`: the confirmation of a configuration ends when its seeds are significantly worse than those of the best
--- one; see calr.study.pruner.wilcoxon.
---@param options any
---@return table
function M.wilcoxon(options) end

---@class S
local S = {}

--- Adds an ablation: every row is run with every seed, and none is pruned.
---@param rows any list of {label, key = value, ...}: what differs from the base
---@return any # itself
function S:ablate(rows) end

--- Adds every combination of values, each with every seed.
---@param values any name -> list of values (or S.int, S.choice, S.float with a step); S.zip{...} without a name; `where`: function(config) -> boolean, the combinations that are wanted
---@return any # itself
function S:grid(values) end

--- Adds a search: trials with the first seed, then the best `confirm` configurations with all seeds.
---@param values any name -> S.float, S.int or S.choice; and `sampler` ("tpe", "random", "sobol", "cmaes", "grid", the path of one of your own, or {name, option = value}), `trials`, `prune` (S.asha{...}), `confirm`, `where` (function(config) -> boolean), `seed` (of the sampler; 1)
---@return any # itself
function S:search(values) end

--- Runs all trials that are not finished yet, here or in several workers, and returns when none is left to run.
---@param fn any function(trial), see calr.study.trial; absent in a study with a script
---@return any # itself
function S:run(fn) end

--- Prints a table of the results; see calr.study.table.
---@param options any rows, columns, versus, part, format
---@return any # itself
function S:table(options) end

--- All trials with their states and figures, as plain tables; see calr.study.view.
---@return table
function S:view() end

return M
