--- @module calr.program.command.why
--- calr why RUN IMAGE: what became of an image in a run, epoch by epoch.

local arguments = require "calr.program.arguments"
local errors = require "calr.errors"
local text = require "calr.text"

local command = {
  summary = "an image's label by epoch: its pivot, why it was discarded or kept, its neighbours",
  usage = "calr why RUN IMAGE [--epoch N] [-o FILE.html|FILE.png]",
  own_help = true,
}

local function help()
  print(("usage: %s\n"):format(command.usage))
  print [[
Tells what became of an image that a run trained on: in each epoch its cluster, the pivot
that it was measured against, and why the refinement kept or discarded it; and for one
epoch its nearest images, as far as the run kept them (option labels_every).

  RUN        folder of a run
  IMAGE      the image's path in the data set, the end of one such as its file name, or
             #ROW with its row, from 0
  --epoch N  whose neighbours and clusters to show, from 0 (default: the last)
  -o FILE    the same with pictures: a page (.html) or a picture (.png)]]
end

--- calr.program.command.why.run(args)
--- @return integer  exit status
function command.run(args)
  local fields, words = arguments.parse(args, { usage = command.usage, at_most = 2,
    flags = { ["--help"] = "help", ["-h"] = "help" },
    values = { ["-o"] = "to", ["--out"] = "to", ["--epoch"] = "epoch" } })
  if fields.help then
    help()
    return 0
  end
  if not words[1] then errors.usage("which run? usage: %s", command.usage) end
  if not words[2] then errors.usage("which image? usage: %s", command.usage) end
  arguments.ends_in(fields.to, ".html", ".png")
  arguments.check_target(fields.to)
  local epoch = arguments.integer(fields, "epoch", "--epoch", 0, 1000000000)
  local why = require("calr.lab.report").why
  local story, path, size = arguments.try(why, words[1], words[2], { to = fields.to, epoch = epoch })
  io.write(text.visible_lines(story))
  if path then print(("\n%s (%s)"):format(path, text.bytes(size))) end
  return 0
end

return command
