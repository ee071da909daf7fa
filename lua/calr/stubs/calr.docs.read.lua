---@meta calr.docs.read
-- Made by `calr docs`; do not edit.

--- Reads the documentation out of the sources: blocks of `///` lines in C files and of `---` lines in Lua files.
---
--- A block that begins with `@module NAME` describes a module, and the blocks after it belong to it. Every other block
--- describes one function: its first line is the signature, `calr.rng.open{seed=0}` or `rng:uniform([low, high])`,
--- then come prose, `@param NAME  text`, and `@return type  text`.
---@class calr.docs.read
local M = {}

---@param root any a source checkout
---@return table # sorted list of modules: {name=, text=, files=, functions={{name=, signature=, text=, params=, returns=, file=, line=}}}
function M.modules(root) end

return M
