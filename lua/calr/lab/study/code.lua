--- @module calr.lab.study.code
--- Identifies the code that a trial runs: a function with everything it reaches, or a script, with the modules and rule
--- files they use.
---
--- Only what Lua sees counts, not comments, white space or the position in the file. So a study script can get more
--- rows and seeds without making its results stale.

local identity = require "calr.run.identity"
local sys = require "calr.sys"

local code = {}

-- The end of a long bracket that opens at i ("[[" or "[==["), or nil.
local function long_bracket(text, i)
  local level = text:match("^%[(=*)%[", i)
  if not level then return nil end
  local _, stop = text:find("]" .. level .. "]", i, true)
  return stop or #text
end

local function quoted_end(text, i)
  local quote = text:sub(i, i)
  local k = i + 1
  while k <= #text do
    local c = text:sub(k, k)
    if c == "\\" then
      k = k + 2
    elseif c == quote or c == "\n" then
      return k
    else
      k = k + 1
    end
  end
  return #text
end

--- calr.lab.study.code.normalise(text)
--- Returns Lua source without comments, with each run of white space as one space.
--- @return string
function code.normalise(text)
  local parts, i = {}, 1
  text = text:gsub("^#[^\n]*", "")
  while i <= #text do
    local start, c = text:match("()([%-%[\"'%s])", i)
    if not start then
      parts[#parts + 1] = text:sub(i)
      break
    end
    if start > i then parts[#parts + 1] = text:sub(i, start - 1) end
    local stop = start
    if c == "-" and text:sub(start, start + 1) == "--" then
      stop = long_bracket(text, start + 2) or (text:find("\n", start, true) or #text + 1) - 1
      parts[#parts + 1] = " "
    elseif c == '"' or c == "'" then
      stop = quoted_end(text, start)
      parts[#parts + 1] = text:sub(start, stop)
    elseif c == "[" and long_bracket(text, start) then
      stop = long_bracket(text, start)
      parts[#parts + 1] = text:sub(start, stop)
    elseif c:find "%s" then
      parts[#parts + 1] = " "
      stop = text:match("^%s*()", start) - 1
    else
      parts[#parts + 1] = c
    end
    i = stop + 1
  end
  -- a comment between spaces leaves two; strings with several spaces stay whole, as each is one part
  local out = {}
  for _, part in ipairs(parts) do
    if part ~= " " or out[#out] ~= " " then out[#out + 1] = part end
  end
  return (table.concat(out):gsub("^ ", ""):gsub(" $", ""))
end

--- calr.lab.study.code.may_study(path)
--- Whether a script can make a study, as far as its text tells without running it: it has a name "study" outside
--- strings and comments, or loads another file that might.
--- @param path  of a Lua file
--- @return boolean
function code.may_study(path)
  if (sys.stat(path) or {}).kind ~= "file" then return true end -- a pipe can be read only once
  local text = code.normalise(sys.read_file(path))
  for name in text:gmatch "require%s*%(?%s*[\"']([^\"']+)[\"']" do
    if not name:match "^calr%f[%W]" or name:find("study", 1, true) then return true end
  end
  local bare = text:gsub("%b\"\"", ""):gsub("%b''", "")
  for _, word in ipairs { "study", "dofile", "loadfile", "load", "require%s*[^%s\"'(]" } do
    if bare:find("%f[%w_]" .. word .. "%f[^%w_]") then return true end
  end
  return false
end

local function lines_of(path, first, last)
  local n, list = 0, {}
  for line in (sys.read_file(path) .. "\n"):gmatch "([^\n]*)\n" do
    n = n + 1
    if n >= first and n <= last then list[#list + 1] = line end
  end
  return table.concat(list, "\n")
end

-- The user's modules that a text requires, recursively: parts["module NAME"] = hash.
local function add_modules(parts, text)
  for name in text:gmatch "require%s*%(?%s*[\"']([%w_.%-]+)[\"']" do
    local key = "module " .. name
    if not name:match "^calr%f[^%w_]" and not parts[key] then
      local path = package.searchpath(name, package.path)
      if path then
        local body = code.normalise(sys.read_file(path))
        parts[key] = sys.hash(body)
        add_modules(parts, body)
      end
    end
  end
end

-- Globals defined by Lua and this program.
local standard = {}
for name in pairs(_G) do standard[name] = true end

local function is_library(source)
  return source:sub(1, #sys.paths.lua + 2) == "@" .. sys.paths.lua .. "/"
end

local Walk = {}
Walk.__index = Walk

function Walk:text_of(info, fn)
  local path = info.source:match "^@(.*)"
  if path and sys.exists(path) then return code.normalise(lines_of(path, info.linedefined, info.lastlinedefined)) end
  return string.dump(fn, true)
end

function Walk:value(name, value)
  local kind = type(value)
  if kind == "function" then return self:fn(value) end
  if kind == "table" then
    if self.seen[value] or getmetatable(value) ~= nil or value == _G then return end
    self.seen[value] = true
    for _, loaded in pairs(package.loaded) do
      if loaded == value then return end -- a module is known by its file
    end
    local keys = {}
    for key in pairs(value) do
      if type(key) == "string" or type(key) == "number" then keys[#keys + 1] = key end
    end
    table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
    for _, key in ipairs(keys) do self:value(name .. "." .. tostring(key), value[key]) end
  elseif kind ~= "userdata" and kind ~= "thread" then
    self.lines[#self.lines + 1] = name .. " = " .. tostring(value)
  end
end

function Walk:fn(fn)
  if self.seen[fn] then return end
  self.seen[fn] = true
  local info = debug.getinfo(fn, "S")
  if info.what == "C" or is_library(info.source) then return end
  local text = self:text_of(info, fn)
  self.lines[#self.lines + 1] = text
  add_modules(self.parts, text)
  for i = 1, 255 do
    local name, value = debug.getupvalue(fn, i)
    if not name then break end
    if name ~= "_ENV" then self:value(name, value) end
  end
end

--- calr.lab.study.code.of_function(fn)
--- @return table  name -> hash: "function" (its text, the text of functions it reaches, and the captured values),
---                "module NAME" for each of the user's modules
function code.of_function(fn)
  local walk = setmetatable({ lines = {}, seen = {}, parts = {} }, Walk)
  walk:fn(fn)
  local names = {}
  for name in pairs(_G) do
    if type(name) == "string" and not standard[name] then names[#names + 1] = name end
  end
  table.sort(names)
  for _, name in ipairs(names) do walk:value(name, _G[name]) end
  walk.parts["function"] = sys.hash(table.concat(walk.lines, "\n"))
  return walk.parts
end

--- calr.lab.study.code.of_script(path)
--- @return table  name -> hash, as from of_function
function code.of_script(path)
  local body = code.normalise(sys.read_file(path))
  local parts = { ["script " .. path:match "[^/]+$"] = sys.hash(body) }
  add_modules(parts, body)
  return parts
end

--- calr.lab.study.code.with_files(parts, configuration)
--- Returns the parts plus the files that a configuration names (Lua files, such as a refinement rule or a network, and
--- weights), and the user's modules that the Lua files require.
--- @return table  name -> hash
function code.with_files(parts, configuration)
  local files = identity.files(configuration)
  if next(files) == nil then return parts end
  local all = {}
  for name, hash in pairs(parts) do all[name] = hash end
  for path, hash in pairs(files) do
    if identity.is_code(path) then
      local body = code.normalise(sys.read_file(path))
      all["file " .. path] = sys.hash(body)
      add_modules(all, body)
    else
      all["file " .. path] = hash
    end
  end
  return all
end

--- calr.lab.study.code.where_absent(parts, configuration, codes)
--- Completes the parts of a configuration whose weights are not on this machine: their hash is taken from a recorded
--- code version that is the same otherwise. So a study's tables can be made where its weights are not.
--- @param codes  table; hash -> parts, as recorded
--- @return table  name -> hash
function code.where_absent(parts, configuration, codes)
  local absent = {}
  for _, value in pairs(configuration) do
    local name = type(value) == "string" and value ~= "" and "file " .. value
    if name and not parts[name] and not sys.exists(value) then absent[name] = true end
  end
  if next(absent) == nil then return parts end
  for _, recorded in pairs(codes) do
    local fits, adds = true, false
    for name, hash in pairs(recorded) do
      adds = adds or absent[name] ~= nil
      fits = fits and (absent[name] or parts[name] == hash)
    end
    for name in pairs(parts) do fits = fits and recorded[name] ~= nil end
    if fits and adds then return recorded end
  end
  return parts
end

--- calr.lab.study.code.hash(parts)
--- @return string  16 hexadecimal digits for all parts together
function code.hash(parts)
  local lines = {}
  for name, hash in pairs(parts) do lines[#lines + 1] = name .. "\t" .. hash end
  table.sort(lines)
  return sys.hash(table.concat(lines, "\n")):sub(1, 16)
end

--- calr.lab.study.code.difference(now, before)
--- Returns what changed between two lists of parts.
--- @return table  sorted list of sentences: "the function has changed", "module losses has changed"
function code.difference(now, before)
  local list = {}
  for name, hash in pairs(now) do
    if before[name] == nil then
      list[#list + 1] = name .. " is new"
    elseif before[name] ~= hash then
      list[#list + 1] = (name == "function" and "the function of the trials" or name) .. " has changed"
    end
  end
  for name in pairs(before) do
    if now[name] == nil then list[#list + 1] = name .. " is no longer used" end
  end
  table.sort(list)
  return list
end

return code
