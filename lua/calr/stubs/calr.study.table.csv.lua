---@meta calr.study.table.csv
-- Made by `calr docs`; do not edit.

--- A sheet as CSV (RFC 4180: CRLF, quotes doubled), in the reported unit and with all digits. A figure is the columns
--- NAME, NAME_sd, NAME_n and NAME_mark ("best", "as good" or empty), a difference NAME, NAME_low, NAME_high and NAME_n.
--- The last two columns are what is to be said of the row and the commands that reproduce it, joined by " && ".
---@class calr.study.table.csv
local M = {}

---@param sheet any
---@return string # with CRLF at the end of each line but the last
function M.render(sheet) end

return M
