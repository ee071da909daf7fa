---@meta calr.workbench
-- Made by `calr docs`; do not edit.

--- The workbench for refinement rules: applies rules to a snapshot of a training run and measures what they change.
--- What is behind `calr refine`, for scripts:
---
---     local bench = calr.workbench.open "runs/calr-20260101-120000-1"
---     local plain = bench:measure(bench.snapshot.global)
---     for _, result in ipairs { bench:try "pivot", bench:try("./mine.lua", { margin = 0.2 }) } do
---       print(result.rule, result.quality.f - plain.quality.f, result.discarded)
---     end
---@class calr.workbench
local M = {}

--- The snapshot that a path names: a file, or the newest of a run folder. Where there is none, a usage error that says
--- how to get one.
---@param path any
---@return string
function M.file(path) end

---@param path any a snapshot, or a run folder: its newest
---@param options any
--- - `outliers`: what outliers count as: see calr.quality
---@return bench # with `snapshot` (see calr.pipeline.snapshot.load), `cameras` (how many there are), `identities` (how many are known; 0: no quality), `misplaced` (mask u8[n]: images that are not of the identity that most of their global cluster are of; nil without identities)
function M.open(path, options) end

---@class bench
local bench = {}

---@param labels any i32[n]
---@return table # clusters, outliers, discarded (images of a global cluster that are outliers here), quality (precision, recall, f: B-cubed; pairwise_f, nmi, expansion; nil without identities), and cameras: a list of {camera=, images=, outliers=, discarded=, quality=}, where the quality is that of the clusters inside the camera
function bench:measure(labels) end

--- Applies a rule. Its mistakes are errors.
---@param rule any a name, a path, or a function: see calr.refine.load
---@param options any of the rule, over those of the run: name -> value; epoch, epochs and seed stand in for the snapshot's
---@return table # what bench:measure gives, with rule, labels, seconds, reasons (a list of {reason=, images=, misplaced=}), changed (the options that were given) and used (the names of all options that the rule looked at, sorted)
function bench:try(rule, options) end

--- What the run's own rule did in that epoch, as the snapshot has it.
---@return table|nil # what bench:try gives, of the rule "recorded"; nil when the snapshot has no refined labels
function bench:recorded() end

return M
