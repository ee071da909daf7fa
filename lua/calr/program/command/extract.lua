--- @module calr.program.command.extract
--- calr extract --model M --images DIR -o features.npy: the features that a trained network gives images.

local arguments = require "calr.program.arguments"
local context = require "calr.context"
local errors = require "calr.errors"
local merged = require "calr.tables".merged
local model = require "calr.program.model"
local sys = require "calr.sys"
local text = require "calr.text"

local command = {
  summary = "features of images by a trained network, as .npy and a table",
  usage = "calr extract --model RUN|FILE --images DIR|DATA -o FEATURES.npy [--skip-bad] [--split NAME] "
    .. "[--precision f32|bf16|auto] [NAME=VALUE ...]",
  own_help = true,
}

local function help()
  print("usage: " .. command.usage .. "\n")
  print [[
Writes one row of features for each image, and beside it FEATURES.csv (the name of each row;
identity, camera and split where they are known) and FEATURES.json (the model). Every file
appears under its name only when it is complete. After an interruption, run the same command
again: it goes on where it was.
]]
  print(model.help "auto")
  print [[
  --images WHERE     a folder (images of any name, in folders inside, too), a data set of
                     calr (.lmdb), or one image
  --split NAME       of a data set: train, query, gallery, multi, or all (the default)
  -o FILE            the file to write, .npy
  --skip-bad         leave out images that cannot be read or decoded, and name them
  --chunk N          images between two savings (1024)
  --anew             throw away the parts of another, interrupted extraction to the same file
  --threads N        number of threads
  --quiet            no progress]]
  return 0
end

local values = merged(model.values, {
  ["--images"] = "images", ["-o"] = "to", ["--out"] = "to", ["--split"] = "split", ["--chunk"] = "chunk",
  ["--threads"] = "threads"
})
local flags = merged(model.flags, {
  ["--skip-bad"] = "skip_bad", ["--anew"] = "anew", ["--help"] = "help", ["-h"] = "help"
})

local function parse(args)
  return arguments.parse(args, { usage = command.usage, values = values, flags = flags })
end

local function check(fields)
  for _, pair in ipairs { { "model", "which model? --model" }, { "images", "which images? --images" },
    { "to", "where to? -o FEATURES.npy" } } do
    if not fields[pair[1]] then errors.usage("%s says so; usage: %s", pair[2], command.usage) end
  end
  if not fields.to:match "[^/]%.npy$" then
    errors.usage("the file to write must end in .npy; %s does not", fields.to)
  end
  arguments.check_target(fields.to)
  arguments.check_source(fields.images, "folder, data set or image")
  arguments.choose(fields.split, "--split", { "train", "query", "gallery", "multi", "all" })
  if fields.split and sys.is_folder(fields.images) then
    errors.usage("--split is of a data set, and %s is a folder", fields.images)
  end
end

-- Whoever stops it is told how it goes on.
local function extract(o)
  local ok, result = pcall(arguments.try_images, o.skip_bad, require("calr.lab.retrieval").extract, o)
  if ok then return result end
  if sys.is_interrupt(result) then
    io.stderr:write(sys.exists(o.to .. ".parts")
      and ("calr: stopped; run the same command again to go on (%s.parts keeps what is done)\n"):format(o.to)
      or "calr: stopped before a part was done\n")
  end
  error(result, 0)
end

--- calr.program.command.extract.run(args)
--- @return integer  exit status
function command.run(args)
  local fields, words = parse(args)
  if fields.help then return help() end
  check(fields)
  arguments.choose_threads(fields)
  local chunk = arguments.integer(fields, "chunk", "--chunk", 1, 1 << 30)
  local overrides = model.options(fields, words, command.usage, "auto")
  model.refuse(fields, overrides, nil, "extract ranks nothing (calr evaluate does)")
  context.current().quiet = fields.quiet
  local trained = model.open(fields, overrides)
  local result = extract { model = trained, images = fields.images, split = fields.split, to = fields.to,
    skip_bad = fields.skip_bad, chunk = chunk, anew = fields.anew }
  local cfg = trained.config
  print(("%s: %s x %d, %s of %dx%d in %s (%s%s)"):format(fields.to, text.count(result.rows), result.dim,
    text.visible(cfg.network), cfg.height, cfg.width, cfg.precision, text.duration(result.seconds), result.extracted > 0
    and (", %.0f images/s"):format(result.extracted / math.max(result.seconds, 1e-9)) or ""))
  if #result.skipped > 0 then
    print(("%d image%s left out; %s lists %s"):format(#result.skipped, #result.skipped == 1 and "" or "s",
      result.files[3], #result.skipped == 1 and "it" or "them"))
  end
  return 0
end

return command
