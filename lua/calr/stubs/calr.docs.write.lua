---@meta calr.docs.write
-- Made by `calr docs`; do not edit.

--- Turns what calr.docs.read found into pages (Markdown) and into stubs for editors (annotations of the Lua language
--- server).
---@class calr.docs.write
local M = {}

---@param module any
---@return string # Markdown
function M.page(module) end

---@param modules any
---@return string # Markdown: a list of all modules
function M.index(modules) end

---@param modules any
---@return table # the kinds of objects that have documented methods: name -> true
function M.classes(modules) end

---@param module any
---@param classes any
---@return string # a Lua file for the language server; it is never run
function M.stub(module, classes) end

return M
