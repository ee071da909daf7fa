--- @module calr.program.command.draw
--- calr draw RUN: pictures of what a run has learned.

local arguments = require "calr.program.arguments"
local context = require "calr.context"
local errors = require "calr.errors"
local model = require "calr.program.model"
local suggest = require("calr.options").suggest
local text = require "calr.text"

local command = {
  summary = "pictures of a run: t-SNE, clusters, ranked lists, mAP by pair of cameras",
  usage = "calr draw RUN [-o FILE.html|FILE.png] [--what tsne,clusters,ranked,cameras] [--points N] [--epoch N] "
    .. "[--trust] [NAME=VALUE ...]",
  own_help = true,
}

local function help()
  print(("usage: %s\n"):format(command.usage))
  print [[
Draws what a run has learned. `calr report RUN` holds the same pictures. The network runs
once over the images; what took long is kept in RUN/pictures for the next call.

  RUN           folder of a run
  -o FILE       a page (.html) or a picture (.png); default: RUN/pictures.html
  --what LIST   only these, with commas between; default: all
                  tsne      the features in the plane, before and after training, coloured by
                            camera, identity and cluster
                  clusters  global clusters with discarded members red and kept ones green, the
                            local clusters of their pivots, and what was trained on
                  ranked    the ranked lists of the best and the worst queries
                  cameras   mAP by camera of the query and of the gallery
  --points N    images in the t-SNE at most; default 2000
  --epoch N     whose clusters to show, from 0; default: the last
  --trust       the run names a Lua file as its network: it may run
  NAME=VALUE    options in place of those of the run's network: network=./mine.lua where its
                script has built it, eval_batch=64 (images at once)
  --threads N   number of threads
  --quiet       no progress]]
end

local function kinds_of(list)
  if not list then return nil end
  local known, what, seen = require("calr.lab.pictures").kinds, {}, {}
  for word in list:gmatch "[^,%s]+" do
    local found = false
    for _, kind in ipairs(known) do found = found or kind == word end
    if not found then
      errors.usage("there is no picture \"%s\"%s; there are: %s", word, suggest(word, known), table.concat(known, ", "))
    end
    if not seen[word] then what[#what + 1] = word end
    seen[word] = true
  end
  if #what == 0 then errors.usage("--what names no picture; there are: %s", table.concat(known, ", ")) end
  return what
end

local flags = { ["--trust"] = "trust", ["--quiet"] = "quiet", ["--help"] = "help", ["-h"] = "help" }
local values = { ["-o"] = "to", ["--out"] = "to", ["--what"] = "what", ["--points"] = "points", ["--epoch"] = "epoch",
  ["--threads"] = "threads" }

--- calr.program.command.draw.run(args)
--- @return integer  exit status
function command.run(args)
  local fields, words = arguments.parse(args, { usage = command.usage, flags = flags, values = values })
  if fields.help then
    help()
    return 0
  end
  fields.model = words[1] or errors.usage("which run? usage: %s", command.usage)
  local overrides = model.options(fields, table.move(words, 2, #words, 1, {}), command.usage)
  arguments.choose_threads(fields)
  if fields.quiet then context.current().quiet = true end
  arguments.ends_in(fields.to, ".html", ".png")
  arguments.check_target(fields.to)
  local what = kinds_of(fields.what)
  if next(overrides) then model.open(fields, overrides) end -- what is wrong with them, before all else
  local path, size, notes = arguments.try(require("calr.lab.report").draw, fields.model, { to = fields.to, what = what,
    points = arguments.integer(fields, "points", "--points", 12, 1000000),
    epoch = arguments.integer(fields, "epoch", "--epoch", 0, 1000000000), model = overrides, trust = fields.trust })
  for _, note in ipairs(notes) do io.stderr:write("note: ", text.visible_lines(note), "\n") end
  print(("%s (%s)"):format(path, text.bytes(size)))
  return 0
end

return command
