-- The project's files, for the tests that look at them.
local sys = require "calr.sys"

local sources = { root = os.getenv "CALR_TEST_SOURCE" }

local function walk(folder, pattern, out)
  local full = sources.root .. "/" .. folder
  for _, name in ipairs(sys.is_folder(full) and sys.list(full) or {}) do
    local path = folder .. "/" .. name
    if sys.is_folder(sources.root .. "/" .. path) then
      walk(path, pattern, out)
    elseif name:match(pattern) then
      out[#out + 1] = path
    end
  end
  return out
end

-- Paths under a folder, relative to the root, whose names match a Lua pattern.
function sources.list(folder, pattern)
  return walk(folder, pattern, {})
end

function sources.read(path)
  return sys.read_file(sources.root .. "/" .. path)
end

-- Whether an include names a header of our own.
function sources.exists_in_engine(header)
  return sys.exists(sources.root .. "/engine/" .. header)
end

-- The text of a C file with comments and strings blanked; line breaks stay.
function sources.code(text)
  local out, i = {}, 1
  while i <= #text do
    local two, one = text:sub(i, i + 1), text:sub(i, i)
    local stop
    if two == "/*" then
      stop = (select(2, text:find("*/", i + 2, true))) or #text
    elseif two == "//" then
      stop = (text:find("\n", i, true) or #text + 1) - 1
    elseif one == "\"" or one == "'" then
      stop = i + 1
      while stop < #text and text:sub(stop, stop) ~= one do
        stop = stop + (text:sub(stop, stop) == "\\" and 2 or 1)
      end
    end
    if stop then
      out[#out + 1] = text:sub(i, stop):gsub("[^\n]+", " ")
      i = stop + 1
    else
      out[#out + 1] = one
      i = i + 1
    end
  end
  return table.concat(out)
end

-- fn(line, number) for each line.
function sources.lines(text, fn)
  local number = 0
  for line in (text .. "\n"):gmatch "(.-)\n" do
    number = number + 1
    fn(line, number)
  end
end

return sources
