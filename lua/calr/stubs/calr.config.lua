---@meta calr.config
-- Made by `calr docs`; do not edit.

--- A script's options: `local cfg = calr.config { epochs = 20, lr = 3.5e-4, infomap = { k = 15 } }`.
---
--- The table gives names and defaults; `key=value` on the command line overrides them: `epochs=5 infomap.k=20`. The
--- type comes from the default: a whole number wants a whole number, 1.0 any number, true or false a switch
--- (true/false, yes/no, on/off), a string anything, a list values between commas, a table its members by dots. An
--- unknown name or a wrong type ends the program with exit status 2 and says what was meant. `--help` after the
--- script prints the options.
---
--- What is returned is a plain table of the same shape.
---@class calr.config
local M = {}

--- A default for a string option: the first of `values`. Others are refused, unless `values.open` says what else may
--- be given: `choice { "pivot", "none", open = "path of a rule" }`.
---@param values any
---@param text any a description for --help
function M.choice(values, text) end

--- A default with a description for --help.
---@param default any
---@param text any
function M.option(default, text) end

--- An option without a default: absent (nil) unless it is given.
---@param kind any "integer", "number", "boolean" or "string"
---@param text any
function M.optional(kind, text) end

--- A value as one would write it on the command line.
---@param value any
---@return string
function M.format(value) end

--- What calr.config{...} does, with the overrides given: for scripts that run scripts, and for tests.
---@param defaults any
---@param overrides any list of strings "key=value"; later ones win
---@param recorded any the resolved values of a run that is resumed: they replace the defaults, and an override that says otherwise is refused
---@return table
function M.resolve(defaults, overrides, recorded) end

--- The options of a script with values by name instead of words from the command line: for scripts that run scripts.
---@param defaults any
---@param values any dotted name -> value (text is read as on the command line); an unknown name or a wrong type is the same error as there
---@return table # as calr.config returns it
function M.apply(defaults, values) end

---@param defaults any
---@return table # sorted list of the dotted names of all options
---@return table # sorted list of the names of groups
function M.names(defaults) end

--- What differs from the script's defaults.
---@param resolved any a table that calr.config returned
---@return table # dotted name -> value
function M.difference(resolved) end

---@param value any
---@return boolean # whether a table came from calr.config
function M.is(value) end

return M
