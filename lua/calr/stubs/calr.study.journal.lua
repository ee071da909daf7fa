---@meta calr.study.journal
-- Made by `calr docs`; do not edit.

--- Journals of a study: files to which one worker each adds lines of JSON, and which everybody reads.
---
--- A line is written in one piece, so that what a killed worker leaves is whole lines, and after a power cut perhaps
--- one that is not. A line that cannot be read is left out, with a note that names file and line; nothing else is
--- lost.
---@class calr.study.journal
local M = {}

--- Opens a journal to add to; makes it when absent.
---@param path any
---@return writer # with `file`, what calr.sys.append returned
function M.writer(path) end

---@class writer
local writer = {}

--- Adds a record (a table) with the time as `t`.
---@param record any
---@return table # the record
function writer:write(record) end

--- Flushes the journal to the disk and closes it.
function writer:close() end

--- Reads the journals of a folder (DIR/journals), each as it grows.
---@param folder any
---@param own any name of a worker whose journal is left out
---@return reader # with `notes`, a list of sentences about lines that could not be read
function M.reader(folder, own) end

---@class reader
local reader = {}

--- Calls receive(record, worker) for what the journals have gained. What it returns, unless nil, is what is wrong
--- with the record. A journal that has been quiet for long is looked at now and then: after a twentieth of that time,
--- 5 seconds at most; that of a worker which has left not at all.
---@param receive any
---@param force any true: all journals are looked at, and new ones looked for, at once
function reader:poll(receive, force) end

--- Notes on last lines without an end; of a worker that has died they stay so.
---@return table # worker -> sentence
function reader:unfinished() end

return M
