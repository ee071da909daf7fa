---@meta calr.report
-- Made by `calr docs`; do not edit.

--- What a study, a run or a folder of runs holds, as one HTML file that needs nothing else: no network, no server.
---
---     calr.report.write("studies/refinement", { to = "refinement.html" })
---
--- The same folder gives the same bytes. The figures are drawn by the page itself, from the data that stand in it as
--- JSON; lua/calr/report holds the page's parts (.html, .css, .js).
---@class calr.report
local M = {}

--- The page of what report.collect returned.
---@param data any
---@return string # HTML
function M.page(data) end

--- The data of a report, as plain tables.
---@param folder any of a study (study.json), of a run (run.json), or a folder of run folders
---@param options any
--- - `images`: whether the images of a run belong in it
--- - `versus`: label of the row that the others are compared with; default: the first
---@return table
function M.collect(folder, options) end

--- Writes the report of a folder, whole or not at all.
---@param folder any
---@param options any
--- - `to`: the file; default: FOLDER/report.html
--- - `images`: whether the images of a run belong in it
--- - `versus`: label of the row that the others are compared with; default: the first
---@return string # the file
---@return integer # its size in bytes
function M.write(folder, options) end

return M
