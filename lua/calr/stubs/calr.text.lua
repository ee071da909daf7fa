---@meta calr.text
-- Made by `calr docs`; do not edit.

--- Text for people: aligned tables, numbers, durations, colour where a terminal shows it.
---@class calr.text
local M = {}

--- Whether colour is welcome: a terminal at fd (default 1), no NO_COLOR, not TERM=dumb.
---@param fd any
---@return boolean
function M.has_colour(fd) end

--- The string in a colour ("bold", "dim", "red", "green", "yellow", "blue", "cyan") where colour is welcome,
--- otherwise the string.
---@param name any
---@param string any
---@param fd any
---@return string
function M.paint(name, string, fd) end

---@param string any
---@return integer # columns that a UTF-8 string takes, without the codes of colours; wide letters count as one
function M.width(string) end

---@param seconds any
---@return string # "0.8 s", "42 s", "3 min 20 s", "2 h 05 min", "3 d 04 h"
function M.duration(seconds) end

---@param n any
---@return string # a whole number with commas between thousands: "12,936"
function M.count(n) end

---@param n any
---@return string # "312 B", "4.2 MiB"
function M.bytes(n) end

--- An aligned table: a line of heads, a rule, the rows. A column of numbers is set flush right.
---@param options any
--- - `columns`: list of heads, or of tables {head, format="%.1f", align="left"|"right", missing="-"}
--- - `rows`: list of lists of cells; the string "-" instead of a row draws a rule; nil cells: give row.n or use false
--- - `title`: a line above
--- - `indent`: spaces before each line
---@return string # without a newline at its end
function M.table(options) end

return M
