---@meta calr
-- Made by `calr docs`; do not edit.

--- The engine and its Lua library: `local calr = require "calr"`. A part is loaded when it is first named:
--- `calr.tensor` is `require "calr.tensor"`, and so on.
---
--- `calr.no_grad` is calr.autograd.no_grad.
---@class calr
local M = {}

---@class distance
local distance = {}

--- How many images it is between. #distance is the same.
---@return integer
function distance:size() end

--- How many pairs are stored, in both directions and with the diagonal; all others are at
--- distance 1.
---@return integer
function distance:nonzeros() end

--- The distance between two images, by their positions from 1.
---@param i any
---@param j any
---@return number
function distance:get(i, j) end

--- All of it as one tensor. Takes 4 n^2 bytes; nothing in calr.cluster needs it.
---@return tensor # f32[n x n]
function distance:dense() end

---@class index
local index = {}

--- The k nearest rows of every query, nearest first, ties by the lowest row number, as calr.cluster.knn gives them. A
--- query whose lists hold fewer than k rows looks into further lists until there are k.
---@param queries any f32[m x d]; nil for the rows of the index themselves
---@param options any
--- - `k`: neighbours of each; an error when there are fewer rows
--- - `probes`: lists that a query looks into; more than there are means all, which is exact
--- - `recall`: where no probes are given: the part of the true neighbours to find, above 0; the probes for it are chosen by measurement
--- - `include_self`: whether a row is its own first neighbour; ignored with queries
--- - `measure`: how many of the queries that measurement takes, at random: they look into all lists
--- - `seed`: names the draw
---@return table # indices = i32[m x k] from 0; similarities or distances = f32[m x k]; probes; lists; recall = what was measured, nil where the probes were given
function index:search(queries, options) end

--- Measures which part of the k nearest a search with p probes finds: the mean over queries drawn at random, each
--- compared with its exact neighbours. A row itself, at the head of its own list, does not count.
---@param options any
--- - `probes`: lists that a query looks into; required
--- - `queries`: f32[m x d]; the rows of the index where absent
--- - `k`: neighbours of each
--- - `include_self`: whether a row is its own first neighbour
--- - `measure`: how many queries are drawn; all where there are no more
--- - `seed`: names the draw
---@return number # 0 .. 1
function index:recall(options) end

--- How many rows it is of. #index is the same.
---@return integer
function index:size() end

--- How many rows each of its lists holds; 0 is possible.
---@return tensor # i32[lists]
function index:lists() end

---@class dendrogram
local dendrogram = {}

--- How many images it is of. #dendrogram is the same.
---@return integer
function dendrogram:size() end

--- dendrogram:cut({distance=t})
--- Labels at one height.
---@param options any
--- - `clusters`: how many to leave, 1 .. n
--- - `distance`: or: undo the merges at this height and above
---@return tensor # labels i32[n]
---@return integer # the number of clusters
function dendrogram:cut(options) end

--- The tree in the numbering of SciPy: images are 0 .. n-1, and merge number m, counted from 0, makes cluster n + m.
---@return table # left = i32[n-1] < right = i32[n-1]: what is merged; heights = f32[n-1], ascending; sizes = i32[n-1]: images of what comes out
function dendrogram:merges() end

---@class writer
local writer = {}

--- Appends one image that is in memory.
---@param options any
--- - `path`: relative, "/" between names; unique in the data set
--- - `identity`: from -1 (by custom: junk) up
--- - `camera`: from 0
--- - `split`: "train", "query" or "gallery"
--- - `bytes`: a JPEG file as a string
function writer:add(options) end

--- Appends files: reads and checks them in several threads, and writes them in the order of the
--- list. Call it for a part of the list at a time to show progress.
--- read from `file`
--- error
---@param records any list of {file=, path=, identity=, camera=, split=}, fields as of add, bytes
---@param options any
--- - `first`: the first record to import
--- - `count`: how many (default: all from `first` on)
--- - `skip_bad`: whether a file that cannot be read or decoded is left out; otherwise it is an
---@return table # list of {path=, reason=} of the files left out
function writer:import(records, options) end

---@return integer # images appended so far
function writer:count() end

---@return integer # bytes of the images appended so far
function writer:bytes() end

--- Flushes the file to the disk and gives it its name. The writer is done after it, whatever comes
--- of it.
function writer:commit() end

--- Removes what was written. Does nothing after commit.
function writer:abort() end

---@class append
local append = {}

--- Adds text in one piece; another process that reads the file sees it at once. When the disk is
--- full nothing of the text stays in the file.
---@param text any
function append:write(text) end

--- Returns when the disk has everything written so far.
function append:sync() end

---@return integer # bytes in the file
function append:size() end

--- Closes the file; a second time does nothing.
function append:close() end

---@class lock
local lock = {}

--- Gives the lock back; a second time does nothing.
function lock:release() end

---@class process
local process = {}

--- Waits for the end of the process; without a time, as long as it takes. A request to stop ends
--- the waiting.
---@param seconds any
---@return integer|nil # its exit status, 128 + signal when one killed it; nil: it still runs
---@return integer|nil # the signal
function process:wait(seconds) end

--- Sends a signal: "TERM" (default), "INT", "KILL", "STOP", "CONT", "USR1", "USR2", "HUP" or
--- "QUIT".
---@param signal any
---@return boolean # false: it has ended
function process:kill(signal) end

---@return integer # the number of the process
function process:pid() end

--- Forgets the process, which goes on when it has not ended; a second time does nothing.
function process:close() end

---@class heartbeat
local heartbeat = {}

---@return string|nil # why the last beat could not be written; the thread goes on trying
function heartbeat:problem() end

--- How often it has beaten: a clock that stands still while this process does.
---@return integer
function heartbeat:count() end

--- Ends the thread and gives the lock back; a second time does nothing.
function heartbeat:close() end

return M
