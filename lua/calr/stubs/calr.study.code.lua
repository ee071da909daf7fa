---@meta calr.study.code
-- Made by `calr docs`; do not edit.

--- The identity of the code that a trial runs: of a function with everything it reaches, of a script, of the modules
--- and rule files they use.
---
--- What counts is what Lua sees: comments, white space and the place in the file do not, so that a study script can get
--- more rows and seeds without its results going stale.
---@class calr.study.code
local M = {}

--- Lua source without comments, with one space where white space was.
---@param text any
---@return string
function M.normalise(text) end

---@param fn any
---@return table # name -> hash: "function" (its text, that of the functions it reaches, and the values it captured), "module NAME" for each module of one's own
function M.of_function(fn) end

---@param path any
---@return table # name -> hash, as of_function gives it
function M.of_script(path) end

--- The parts together with the Lua files that a configuration names, such as a refinement rule.
---@param parts any
---@param configuration any
---@return table # name -> hash
function M.with_files(parts, configuration) end

---@param parts any
---@return string # 16 hexadecimal digits for all parts together
function M.hash(parts) end

--- What changed between two lists of parts.
---@param now any
---@param before any
---@return table # sorted list of sentences: "the function has changed", "module losses has changed"
function M.difference(now, before) end

return M
