---@meta calr.sys
-- Made by `calr docs`; do not edit.

--- The system: files that are whole or absent, folders, time, the terminal, threads, the request to
--- stop.
---
--- What the system refuses (a missing file, a full disk) is a Lua error that names the file and the
--- reason.
---
--- `calr.sys.paths` holds where this program found itself: `executable`, `home` (the source
--- checkout, or PREFIX/share/calr), `lua`, `experiments`, `datasets`. `calr.sys.version` holds
--- `calr`, `revision` (of the source tree, when it was built in a git checkout) and `lua`.
---@class calr.sys
local M = {}

--- A whole file.
---@param path any
---@return string
function M.read_file(path) end

--- Writes a whole file: under its name stands the old file or the new one, never a part, whatever
--- happens.
---@param path any
---@param text any
function M.write_file(path, text) end

--- Cuts a file to its first `size` bytes.
---@param path any
---@param size any
function M.truncate(path, size) end

--- Makes a folder and its parents; fine when it exists.
---@param path any
function M.make_folder(path) end

---@param path any
---@return boolean # whether there is a file or folder of this name
function M.exists(path) end

---@param path any
---@return boolean
function M.is_folder(path) end

--- The names in a folder, without "." and "..", sorted by their bytes.
---@param path any
---@return table
function M.list(path) end

--- Removes a file or an empty folder.
---@param path any
function M.remove(path) end

--- Renames durably; a file of the new name is replaced in one step.
---@param from any
---@param to any
function M.rename(from, to) end

--- nil when absent
---@param path any
---@return table|nil # size (bytes), mtime (seconds since 1970), kind ("file", "folder", "other");
function M.stat(path) end

--- The path from the root, links resolved; of something that exists.
---@param path any
---@return string
function M.absolute(path) end

---@return string # the folder that relative paths start from
function M.current_folder() end

--- Makes a folder the one that relative paths start from.
---@param path any
function M.change_folder(path) end

--- The fingerprint of a string: XXH3, 128 bits, as 32 hexadecimal digits. Not for secrets.
---@param text any
---@return string
function M.hash(text) end

--- The fingerprint of a file's bytes.
---@param path any
---@return string
function M.hash_file(path) end

--- The checksum CRC32C of a string, which file formats such as TFRecord ask for.
---@param text any
---@return integer # 0 to 2^32 - 1
function M.crc32c(text) end

---@return number # seconds since 1970, with fractions
function M.time() end

---@return number # seconds of a clock that only runs forward; for differences
function M.clock() end

--- Waits; a request to stop ends it early, a warning does not.
---@param seconds any
function M.sleep(seconds) end

--- Whether a stream is a terminal: 0 input, 1 output (default), 2 errors.
---@param fd any
---@return boolean
function M.is_terminal(fd) end

---@param fd any
---@return integer # columns of the terminal at fd (default 1); COLUMNS or 80 when it is none
function M.terminal_width(fd) end

---@return string
function M.hostname() end

---@return integer # the number of this process
function M.pid() end

--- Sets a variable of the environment for this process and its children; nil removes it. os.getenv
--- reads one.
---@param name any
---@param value any
function M.setenv(name, value) end

--- The number of threads that the engine uses; with a count, sets it first (1 to 1024).
---@param count any
---@return integer
function M.threads(count) end

---@return integer # processors that this process may use
function M.processors() end

--- Whether the user asked to stop (Ctrl-C or SIGTERM). A script need not ask: it is stopped by an
--- error at its next line.
---@return integer|nil # the number of the signal
function M.interrupted() end

--- Whether an error value caught by pcall, or given to a __close metamethod, is the request to
--- stop.
---@param value any
---@return boolean
function M.is_interrupt(value) end

--- Raises the request to stop again, when there was one: a pcall somewhere may have swallowed it.
function M.check_interrupt() end

--- Whether a warning (SIGUSR1) came since the program started: this process will be stopped soon, as
--- when a cluster's scheduler wants the machine for somebody else. Nothing is stopped by it: what runs
--- is to end, at a point where nothing is lost.
---@return boolean
function M.warned() end

--- The name most like a misspelt word.
---@param word any
---@param names any list of strings
---@return string|nil # nil when none is near
function M.nearest(word, names) end

--- Opens a file to which text is added; makes it when absent. Close it with `file:close()` or a
--- <close> variable.
---@param path any
---@return append
function M.append(path) end

--- Takes the lock of a file, which is made when absent and holds the number of the process. The
--- lock goes with the process, however it ends; `lock:release()` or a <close> variable gives it
--- back earlier.
---@param path any
---@return lock|nil # nil when another process holds it
---@return string # then what that process wrote: its number
function M.lock(path) end

--- What the engine runs on; loads the numerical libraries.
--- blas_core (the kernels that
---                OpenBLAS runs), blas_choice (who chose them), onednn_version, onednn_isa,
---                threads, and the versions that were built with: lmdb, libjpeg_turbo, libpng,
---                jansson
---@return table # conv ("onednn" or "portable"), conv_bf16 ("onednn" or "f32"), cpu, cpu_features, blas_file, blas_config,
function M.info() end

--- Starts a program and goes on. It has no input; the request to stop (Ctrl-C) in a terminal
--- reaches it like this process. It goes on when this process ends or forgets it.
--- removes one
---@param options any
--- - `command`: list: the program (looked for in PATH when it has no "/") and its arguments
--- - `env`: table: variables of its environment that differ from this process's; false
--- - `stdout`: file that what it prints is added to; default: where this process prints
--- - `stderr`: the same for its messages; may be the same file
---@return process
function M.spawn(options) end

--- Makes a file that must not exist yet. However many processes on however many machines try, one
--- makes it, and under its name it is whole from the first moment. Not flushed to the disk: after
--- a power cut it may be empty or absent.
---@param path any
---@param text any
---@return boolean # true: this call made it; false: it exists
function M.link_new(path, text) end

--- Gives a file another name, which must not exist yet. However many processes on however many
--- machines try, one gets the name. Cheaper than calr.sys.link_new where many names hold the same
--- text.
--- is another file's; nil: this file can have no name there (it has too many, or the folder is
--- elsewhere)
---@param source any
---@param path any
---@return boolean|nil # true: this call made the name, or an earlier one with this source; false: it
function M.link(source, path) end

--- What a file holds behind its first `offset` bytes: at most `limit` bytes of it (default 1 MiB).
---@param path any
---@param offset any
---@param limit any
---@return string|nil # empty at the end; nil when there is no such file
function M.read_from(path, offset, limit) end

--- A sign of life: from now on a thread rewrites a counter in the file every so many seconds, and a
--- lock on the file tells other processes of this machine at once when this one has died. Signals
--- never reach the thread. calr.sys.pulse reads the file.
---@param path any
---@param seconds any
---@param file any what calr.sys.append opened: flushed to the disk each time
---@return heartbeat # ends by `heartbeat:close()` or as a <close> variable
function M.heartbeat(path, seconds, file) end

--- What calr.sys.heartbeat writes. A count that stays the same for long means that the process has
--- died or stands still.
---@param path any
---@return integer|nil # the count; nil when there is no such file or nothing in it
---@return boolean|nil # whether the process lives; nil when it may be on another machine
function M.pulse(path) end

return M
