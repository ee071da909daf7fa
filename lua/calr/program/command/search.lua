--- @module calr.program.command.search
--- calr search --model M --gallery WHERE --query IMAGE: the images of a gallery that are most like a query.

local arguments = require "calr.program.arguments"
local context = require "calr.context"
local errors = require "calr.errors"
local merged = require "calr.tables".merged
local model = require "calr.program.model"
local sys = require "calr.sys"
local text = require "calr.text"

local command = {
  summary = "ranked lists: the images of a gallery most like a query",
  usage = "calr search --model RUN|FILE --gallery DATA|DIR|FEATURES.npy --query IMAGE ... [--top 10] [--rerank] "
    .. "[--approximate] [--index FILE] [-o FILE.json|FILE.csv] [--strip FILE.png|FILE.html] [NAME=VALUE ...]",
  own_help = true,
}

local function help()
  print("usage: " .. command.usage .. "\n")
  print [[
Finds the images of a gallery whose features are nearest to those of each query. For many
searches in one gallery, extract its features once (calr extract) and give the file.

Identities and cameras are those of the data set, whose cameras count from 0 (camera c1 of
Market-1501 is 0), or what the table of the features calls them. Rows and ranks count from 1.
]]
  print(model.help "that of\n                     the gallery's features, or auto")
  print [[
  --gallery WHERE    a data set of calr (its gallery), a folder of images, or features made by
                     calr extract or elsewhere (.npy, names in a table beside it)
  --query IMAGE ...  images, folders of images, data sets (their queries), features, or names
                     of images of the gallery
  --top N            length of the lists (10)
  --split NAME       of the gallery: train, query, gallery, multi, or all
  --csv FILE         the table of the gallery's features; default: FEATURES.csv
  --images WHERE     folder or data set with the pictures of features; default: where
                     calr extract took them from
  --rerank           rank by the k-reciprocal distance (Zhong et al., CVPR 2017)
  --approximate      look at a part of a large gallery only, by a graph of neighbours
  --index FILE       keep this graph: it is made and written once, and read from then on (the
                     gallery must be features, and the file names them)
  --recall R         the share of the nearest images to find then (0.98)
  --ignore RULE      what a query of known identity does not find: own (its identity by its
                     camera; the default), camera, junk, or nothing
  --keep-self        a query that is in the gallery finds itself
  --skip-bad         leave out images that cannot be read or decoded, and name them
  -o FILE            write the lists to FILE.json or FILE.csv, in place of the terminal
  --strip FILE       write pictures: each query, then what it found, framed green (same
                     identity) or red (another) where identities are known; .png or .html
  --height N         of an image in the strip, in pixels (128)
  --json             print the lists as JSON
  --threads N        number of threads
  --quiet            no progress]]
  return 0
end

local values = merged(model.values, {
  ["--gallery"] = "gallery", ["--top"] = "top", ["--split"] = "split", ["--csv"] = "csv", ["--images"] = "images",
  ["--recall"] = "recall", ["--index"] = "index", ["--ignore"] = "ignore", ["-o"] = "to", ["--out"] = "to",
  ["--strip"] = "strip", ["--height"] = "height", ["--threads"] = "threads"
})
local flags = merged(model.flags, {
  ["--rerank"] = "rerank", ["--approximate"] = "approximate", ["--keep-self"] = "keep_self",
  ["--skip-bad"] = "skip_bad", ["--json"] = "json", ["--help"] = "help", ["-h"] = "help"
})
local lists = { ["--query"] = "query" }

local function parse(args)
  return arguments.parse(args, { usage = command.usage, values = values, flags = flags, lists = lists })
end

local function check_ending(path, option, endings)
  if not path then return end
  for _, ending in ipairs(endings) do
    if path:match("[^/]%." .. ending .. "$") then return arguments.check_target(path) end
  end
  errors.usage("%s takes FILE.%s, not %s", option, table.concat(endings, " or FILE."), path)
end

local rules = { "own", "camera", "junk", "nothing" }

-- What is read is there, and what is said of features is said of features.
local function check_gallery(fields)
  arguments.check_source(fields.gallery, "gallery")
  arguments.check_source(fields.csv, "table")
  arguments.check_source(fields.images, "folder or data set of pictures")
  arguments.choose(fields.split, "--split", { "train", "query", "gallery", "multi", "all" })
  local of_features = fields.gallery:match "%.npy$"
  for _, name in ipairs { "csv", "images" } do
    if fields[name] and not of_features then
      errors.usage("--%s belongs to a gallery of features (.npy), and %s is none", name, fields.gallery)
    end
  end
  if fields.split and sys.is_folder(fields.gallery) then
    errors.usage("--split is of a data set or of features, and %s is a folder", fields.gallery)
  end
end

local function check(fields)
  if not fields.gallery then errors.usage("which gallery? --gallery says so; usage: %s", command.usage) end
  if not fields.query then errors.usage("what is searched for? --query says so; usage: %s", command.usage) end
  check_gallery(fields)
  arguments.choose(fields.ignore, "--ignore", rules)
  if fields.rerank and (fields.approximate or fields.index) then
    errors.usage("--rerank looks at the whole gallery: it cannot be combined with %s", fields.index and "--index"
      or "--approximate")
  end
  if fields.recall and not (fields.approximate or fields.index) then
    errors.usage "--recall is an option of --approximate"
  end
  if fields.index then
    if not fields.gallery:match "%.npy$" then
      errors.usage("--index keeps the index of features: extract those of %s first (calr extract)", fields.gallery)
    end
    arguments.check_target(fields.index)
  end
  local recall = tonumber(fields.recall or 0.98)
  if not recall or not (recall > 0 and recall <= 1) then
    errors.usage("--recall is above 0 and at most 1, not \"%s\"", fields.recall)
  end
  check_ending(fields.to, "-o", { "json", "csv" })
  check_ending(fields.strip, "--strip", { "png", "html" })
  local inputs = { fields.gallery, table.unpack(fields.query) }
  if fields.csv then inputs[#inputs + 1] = fields.csv end
  arguments.spare(fields.to, inputs)
  arguments.spare(fields.strip, inputs)
  if fields.height and not fields.strip then errors.usage "--height is an option of --strip" end
  return recall
end

-- The model, made to compute what the gallery's features are; nil where none is named.
local function open_model(fields, words, record)
  local overrides = model.options(fields, words, command.usage, record and record.precision or "auto")
  model.refuse(fields, overrides, nil, "search evaluates nothing (calr evaluate does)")
  if not fields.model then
    overrides.precision = nil
    local option = next(overrides)
    if option then errors.usage("%s= is an option of a model, and --model names none", option) end
    return nil
  end
  return model.open(fields, overrides)
end

local function search(fields, words, recall)
  local of_files = fields.gallery:match "%.npy$"
  if not of_files and not fields.model then
    errors.usage("%s needs a model, which makes features of images; usage: %s", fields.gallery, command.usage)
  end
  for _, word in ipairs(fields.model and {} or fields.query) do
    if sys.exists(word) and not word:match "%.npy$" then
      errors.usage("%s needs a model, which makes features of images (--model)", word)
    end
  end
  local record = of_files and require("calr.lab.retrieval.features").record(fields.gallery)
  local opened = open_model(fields, words, record)
  return arguments.try_images(fields.skip_bad, require("calr.lab.retrieval").search, { model = opened,
    gallery = fields.gallery, queries = fields.query, split = fields.split, csv = fields.csv, pictures = fields.images,
    skip_bad = fields.skip_bad, top = fields.top, rerank = fields.rerank, approximate = fields.approximate,
    index = fields.index, recall = recall, ignore = fields.ignore, keep_self = fields.keep_self })
end

local function write(fields, found)
  local ranked = require "calr.lab.retrieval.search"
  if fields.to then model.try(ranked.save, found, fields.to) end
  if fields.strip then
    local missing = model.try(require("calr.lab.retrieval").strip, found, fields.strip, { height = fields.height })
    if missing > 0 then
      io.stderr:write(("calr: note: %d pictures are not to be had and missing in %s\n"):format(missing, fields.strip))
    end
  end
  for _, note in ipairs(ranked.notes(found)) do io.stderr:write("calr: note: ", text.visible(note), "\n") end
  if fields.json then
    print(ranked.json(found))
    return
  end
  if not fields.to then io.write(ranked.text(found), "\n") end
  print(("%d %s in %s image%s of %s: %s (%s)"):format(#found.queries, #found.queries == 1 and "query" or "queries",
    text.count(found.entries), found.entries == 1 and "" or "s", found.gallery, found.seconds < 1
    and ("%.1f ms"):format(1000 * found.seconds) or text.duration(found.seconds), found.about))
  for _, path in ipairs { fields.to or false, fields.strip or false } do
    if path then print(path) end
  end
end

--- calr.program.command.search.run(args)
--- @return integer  exit status
function command.run(args)
  local fields, words = parse(args)
  if fields.help then return help() end
  local recall = check(fields)
  fields.top = arguments.integer(fields, "top", "--top", 1, 1000000)
  fields.height = arguments.integer(fields, "height", "--height", 8, 1024)
  arguments.choose_threads(fields)
  context.current().quiet = fields.quiet
  write(fields, search(fields, words, recall))
  return 0
end

return command
