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

--- A word as a shell reads it back: in quotes where it needs them.
---@param word any
---@return string
function M.quote(word) end

---@param seconds any
---@return string # "0.8 s", "42 s", "3 min 20 s", "2 h 05 min", "3 d 04 h"
function M.duration(seconds) end

---@param n any
---@return string # a whole number with commas between thousands: "12,936"
function M.count(n) end

---@param n any
---@return string # "312 B", "4.2 MiB"
function M.bytes(n) end

--- Breaks a text at its spaces into lines of at most so many columns; a longer word stays whole.
---@param string any
---@param width any
---@param hang any how far all lines but the first are indented; default 0
---@return string # lines with newlines between them
function M.wrap(string, width, hang) end

--- The string, or its beginning and "\u{2026}" where it takes more columns. Colours stay.
---@param string any
---@param width any
---@return string
function M.cut(string, width) end

--- A curve in one line, of block characters. More values than columns: each column shows the last value of its share.
---@param values any list of numbers; NaN leaves a gap
---@param width any
---@param low any the value of the lowest block; default the smallest value
---@param high any the value of the highest block; default the largest value
---@return string # of at most `width` columns
function M.sparkline(values, width, low, high) end

--- An aligned table: a line of heads, a rule, the rows. A column of numbers is set flush right. A newline in a head
--- makes another line of heads.
---@param options any
--- - `columns`: list of heads, or of tables {head, format="%.1f", align="left"|"right", missing="-"}
--- - `rows`: list of lists of cells; the string "-" instead of a row draws a rule; nil cells: give row.n or use false
--- - `title`: a line above
--- - `indent`: spaces before each line
---@return string # without a newline at its end
function M.table(options) end

return M
