--- @module calr.program.command.report
--- calr report DIR: writes a study or a run as one HTML file.

local arguments = require "calr.program.arguments"
local errors = require "calr.errors"
local text = require "calr.text"

local command = {
  summary = "write a study, a run or a folder of runs as one HTML file",
  usage = "calr report DIR [-o FILE.html] [--versus LABEL] [--no-images]",
  own_help = true,
}

local function help()
  print(("usage: %s\n"):format(command.usage))
  print [[
Writes one self-contained HTML file: figures, tables, and for each number the command
that reproduces it. The file appears under its name only when it is complete.

  DIR             folder of a study, of a run, or of several runs
  -o FILE.html    the file to write (default: DIR/report.html)
  --versus LABEL  compare the other rows with this one (default: the first)
  --no-images     leave out the images and pictures of a run (calr draw), which its network is
                  run for once]]
end

local function parse(args)
  local fields, words = arguments.parse(args, { usage = command.usage, at_most = 1,
    flags = { ["--no-images"] = "no_images", ["--help"] = "help", ["-h"] = "help" },
    values = { ["-o"] = "to", ["--out"] = "to", ["--versus"] = "versus" } })
  fields.folder, fields.images = words[1], not fields.no_images
  return fields
end

--- calr.program.command.report.run(args)
--- @return integer  exit status
function command.run(args)
  local fields = parse(args)
  if fields.help then
    help()
    return 0
  end
  if not fields.folder then errors.usage("which folder? usage: %s", command.usage) end
  arguments.ends_in(fields.to, ".html")
  arguments.check_target(fields.to)
  local path, size = arguments.try(require("calr.lab.report").write, fields.folder,
    { to = fields.to, images = fields.images, versus = fields.versus })
  print(("%s (%s)"):format(path, text.bytes(size)))
  return 0
end

return command
