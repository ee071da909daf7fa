---@meta calr.study.pruner
-- Made by `calr docs`; do not edit.

--- Pruners: rules that end trials which promise nothing. A pruner is a Lua file that returns a function(options) ->
--- pruner, an object with three methods:
---
--- - `observe{key=, number=, seed=, row=, step=, loss=}`: some trial, or the own one, has reported; in order of
---   arrival. A report that is told twice counts once. A loss that is nil is ignored.
--- - `ended{key=, state=}`: some trial has ended: "finished", "pruned", "failed", "interrupted".
--- - `judge{...}` with the fields of observe -> `true, reason` when the trial should end, otherwise `false`. What is
---   judged need not have been observed before; it is then.
---
--- Losses are oriented so that smaller is better. Every process replays the same reports, so a pruner keeps its state
--- in memory and needs no file. Each judgement takes O(log n) of the number of trials n, the Wilcoxon pruner's as long
--- as its pairs of values take.
---@class calr.study.pruner
local M = {}

---@return table # the pruners that come with calr
function M.names() end

--- A pruner by its name, or by the path of a file of your own (anything with a slash, or that ends in .lua).
---@param name any
---@return function # options -> pruner
function M.load(name) end

--- A pruner from what a plan holds: `{name = "asha", min = 5, eta = 4}`, or `{"asha", min = 5, eta = 4}`. Errors are
--- about the description and name no line.
---@param description any
---@return table # the pruner
function M.make(description) end

--- The check of a pruner's options: names, kinds and borders.
---@param what any the pruner, for the message
---@param options any
---@param fields any name -> {default=, least=, below=, whole=, choices=}; the option must be a number of at least `least` and below `below`, an integer if `whole`, or one of `choices`. Without a default it may be nil.
---@return table # name -> value
function M.check(what, options, fields) end

return M
