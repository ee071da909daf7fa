-- What the Lua files of the library, the lab and the program load, read from their text: a `require` inside a function
-- counts as one at the top does, because saving start-up time is no reason to hide an arrow.
local sources = require "sources"

local requires = {}

-- The text of a Lua file with comments blanked; strings and line breaks stay.
local function without_comments(text)
  local out, i = {}, 1
  while i <= #text do
    local stop, keep
    local equals = text:match("^%-%-%[(=*)%[", i) or text:match("^%[(=*)%[", i)
    if equals then
      keep = text:sub(i, i) ~= "-"
      stop = select(2, text:find("]" .. equals .. "]", i, true)) or #text
    elseif text:sub(i, i + 1) == "--" then
      stop = (text:find("\n", i, true) or #text + 1) - 1
    elseif text:match("^[\"']", i) then
      local quote = text:sub(i, i)
      keep, stop = true, i + 1
      while stop < #text and text:sub(stop, stop) ~= quote do
        stop = stop + (text:sub(stop, stop) == "\\" and 2 or 1)
      end
    end
    local piece = text:sub(i, stop or i)
    out[#out + 1] = (stop and not keep) and piece:gsub("[^\n]+", " ") or piece
    i = (stop or i) + 1
  end
  return table.concat(out)
end

-- lua/calr/nn/init.lua is the module calr.nn.
local function module_of(path)
  return (path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", "."))
end

-- The loads on a line: {name=, prefix=}, where prefix says that the name goes on with something computed; and how many
-- mentions of `require` there are that name nothing.
local function of_line(line)
  local found, unread = {}, 0
  for place in line:gmatch "%f[%w_.:]require%f[^%w_]()" do
    local rest = line:sub(place)
    local _, name, after = rest:match "^%s*[%(,]?%s*([\"'])(.-)%1()"
    if name then
      found[#found + 1] = { name = name, prefix = rest:match("^%s*%.%.", after) ~= nil }
    elseif rest:sub(1, 1) ~= "%" then -- a pattern that looks for the word loads nothing
      unread = unread + 1
    end
  end
  for name in line:gmatch "package%.loaded%[\"(.-)\"%]" do found[#found + 1] = { name = name } end
  return found, unread
end

--- requires.read()
--- All modules of lua/calr.
--- @return table  name -> {path=, loads = list of {name=, line=, prefix=}, unread = list of line numbers, names = list
---                of {name=, line=}: strings that are nothing but a name calr.something}
function requires.read()
  local modules = {}
  for _, path in ipairs(sources.list("lua/calr", "%.lua$")) do
    local module = { path = path, loads = {}, unread = {}, names = {} }
    sources.lines(without_comments(sources.read(path)), function(line, number)
      local found, unread = of_line(line)
      for _, load in ipairs(found) do
        load.line = number
        module.loads[#module.loads + 1] = load
      end
      if unread > 0 then module.unread[#module.unread + 1] = number end
      for name in line:gmatch "[\"'](calr%.[%w_.]+)[\"']" do
        module.names[#module.names + 1] = { name = name, line = number }
      end
    end)
    modules[module_of(path)] = module
  end
  return modules
end

--- requires.aliases()
--- The public and the former names of modules, from the tables of lua/calr/init.lua.
--- @return table  name -> the module that it stands for
function requires.aliases()
  local text, names = sources.read "lua/calr/init.lua", {}
  for name, module in text:match("local public = (%b{})"):gmatch "([%w_]+) = \"([%w_.]+)\"" do
    names["calr." .. name] = module
  end
  for name, module in text:match("local former = (%b{})"):gmatch "%[\"([%w_.]+)\"%] = \"([%w_.]+)\"" do
    names[name] = module
  end
  return names
end

--- requires.resolve(aliases, name)
--- @return string  the module that a name, or the beginning of one, stands for; every other name itself
function requires.resolve(aliases, name)
  local head, rest = name, ""
  while head do
    if aliases[head] then return aliases[head] .. rest end
    local above, last = head:match "^(.+)(%.[^.]+)$"
    head, rest = above, (last or "") .. rest
  end
  return name
end

--- requires.circle(edges)
--- @param edges  name -> set of names
--- @return table|nil  the names of a circle, in order, the first of them again at the end
function requires.circle(edges)
  local state, trail = {}, {}
  local function visit(name)
    if state[name] == "done" then return nil end
    trail[#trail + 1] = name
    if state[name] == "open" then
      for i, other in ipairs(trail) do
        if other == name then return table.move(trail, i, #trail, 1, {}) end
      end
    end
    state[name] = "open"
    local below = {}
    for other in pairs(edges[name] or {}) do below[#below + 1] = other end
    table.sort(below)
    for _, other in ipairs(below) do
      local circle = visit(other)
      if circle then return circle end
    end
    state[name] = "done"
    trail[#trail] = nil
  end
  local names = {}
  for name in pairs(edges) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local circle = visit(name)
    if circle then return circle end
  end
end

return requires
