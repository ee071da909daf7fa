--- @module calr.cli.report
--- calr report DIR: a study or a run as one HTML file.

local errors = require "calr.shell.errors"
local sys = require "calr.sys"
local text = require "calr.text"

local command = {
  summary = "write a study, a run or a folder of runs as one HTML file",
  usage = "calr report DIR [-o FILE.html] [--versus LABEL] [--no-images]",
  own_help = true,
}

local function help()
  print(("usage: %s\n"):format(command.usage))
  print [[
One HTML file that needs nothing else: figures, tables, and under each number the
command that computes it again. It appears under its name when it is complete.

  DIR             of a study, of a run, or a folder of run folders
  -o FILE.html    the file to write (default: DIR/report.html)
  --versus LABEL  the row that the others are compared with (default: the first)
  --no-images     leave out the images of a run]]
end

local valued = { ["-o"] = "to", ["--out"] = "to", ["--versus"] = "versus" }

local function parse(args)
  local fields, i = { images = true }, 1
  while args[i] do
    local word = args[i]
    local name, value = word:match "^(%-%-[%w-]+)=(.*)$"
    if word == "--help" or word == "-h" then
      fields.help = true
    elseif word == "--no-images" then
      fields.images = false
    elseif valued[name or word] then
      if not name then
        i = i + 1
        value = args[i]
      end
      if not value or value == "" then errors.usage("%s wants a value; usage: %s", name or word, command.usage) end
      fields[valued[name or word]] = value
    elseif word:sub(1, 1) == "-" then
      local near = sys.nearest(word, { "-o", "--versus", "--no-images", "--help" })
      errors.usage("unknown option %s%s; usage: %s", word, near and (" (did you mean %s?)"):format(near) or "",
        command.usage)
    elseif fields.folder then
      errors.usage("\"%s\" is one word too many; usage: %s", word, command.usage)
    else
      fields.folder = word
    end
    i = i + 1
  end
  return fields
end

-- A message without the place in this library that it came from, which means nothing to the user.
local function plain(problem)
  local home = sys.paths.lua .. "/"
  if problem:sub(1, #home) == home or problem:sub(1, 3) == "..." then return (problem:gsub("^.-%.lua:%d+: ", "")) end
  return problem
end

--- calr.cli.report.run(args)
--- @return integer  exit status
function command.run(args)
  local fields = parse(args)
  if fields.help then
    help()
    return 0
  end
  if not fields.folder then errors.usage("which folder? usage: %s", command.usage) end
  local ok, path, size = pcall(require("calr.report").write, fields.folder,
    { to = fields.to, images = fields.images, versus = fields.versus })
  if not ok then
    if type(path) ~= "string" then error(path, 0) end
    errors.fail("%s", plain(path))
  end
  print(("%s (%s)"):format(path, text.bytes(size)))
  return 0
end

return command
