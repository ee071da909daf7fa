--- @module calr.program.command.data
--- calr data import|info|make|merge|subset|verify|show: handles data sets in files.

local arguments = require "calr.program.arguments"
local errors = require "calr.errors"
local sorted_keys = require "calr.tables".sorted_keys
local suggest = require("calr.options").suggest
local sys = require "calr.sys"
local text = require "calr.text"
local judge, try = arguments.judge, arguments.try

local MOST_LINES = 20 -- of notes and of warnings

local usages = {
  import = "calr data import NAME DIR -o FILE.lmdb [--skip-bad] [--OPTION VALUE ...]",
  info = "calr data info FILE.lmdb [--verify]",
  make = "calr data make NAME -o FILE.lmdb [--OPTION VALUE ...]",
  merge = "calr data merge FILE.lmdb FILE.lmdb ... -o FILE.lmdb [--name NAME]",
  subset = "calr data subset FILE.lmdb -o FILE.lmdb [--cameras 0,2] [--identities N] [--count N | --fraction F]",
  verify = "calr data verify FILE.lmdb",
  show = "calr data show FILE.lmdb -o PICTURE.png [--by camera] [--html]",
}

local command = {
  summary = "import, inspect, combine or generate data sets",
  usage = table.concat({ usages.import, usages.info, usages.make, usages.merge, usages.subset, usages.verify,
    usages.show }, "\n       "),
  own_help = true,
}

-- Splits words into positional ones and the options of `known`: {["--skip-bad"] = "flag", ["-o"] = "value"}.
local function parse(words, known, usage)
  local flags, values = {}, {}
  for name, kind in pairs(known) do (kind == "flag" and flags or values)[name] = name end
  local options, positional = arguments.parse(words, { flags = flags, values = values, usage = usage })
  table.move(positional.rest or {}, 1, #(positional.rest or {}), #positional + 1, positional)
  return positional, options
end

local function expect(positional, names, usage)
  for i, name in ipairs(names) do
    if not positional[i] then errors.usage("%s is missing; usage: %s", name, usage) end
  end
  local extra = positional[#names + 1]
  if extra then errors.usage("\"%s\" is one word too many; usage: %s", extra, usage) end
  return table.unpack(positional)
end

local function rate(result)
  return ("%.1f s, %.0f images/s"):format(result.seconds, result.images / math.max(result.seconds, 1e-9))
end

-- The layout that the words name, wherever it stands, or nil: its own options must be known before they are parsed.
local function layout_of(words, import)
  local names = {}
  for _, item in ipairs(import.layouts()) do names[item.name] = true end
  for i, word in ipairs(words) do
    if (names[word] or word:find "%.lua$") and words[i - 1] ~= "-o" and not sys.is_folder(word) then
      return judge(import.layout, word)
    end
  end
end

-- What is not a layout and a folder, in this order.
local function check_order(name, folder, to)
  local turned = ("the order is NAME DIR: calr data import %s %s -o %s"):format(folder, name, to)
  if sys.is_folder(name) then errors.usage("%s is a folder, not a layout; %s", name, turned) end
  if name:find "%.lmdb$" then
    errors.usage("%s is a data set, not a layout; the file to write comes after -o", name)
  end
  if sys.exists(name) and not name:find "%.lua$" then errors.usage("%s is a file, not a layout; %s", name, turned) end
  if sys.is_folder(to) then
    errors.usage("-o %s is a folder: -o takes the file to write, and the folder to read comes after the layout", to)
  end
end

local function layout_help(import)
  for _, item in ipairs(import.layouts()) do
    print(("  %-17s %s"):format(item.name, item.summary))
    for _, option in ipairs(item.options) do print(("    --%-13s %s"):format(option[1], option[2])) end
  end
end

-- Lines to stderr: the first ones, and how many more there are.
local function say(kind, lines)
  for i = 1, math.min(#lines, MOST_LINES) do io.stderr:write(("%s: %s\n"):format(kind, text.visible(lines[i]))) end
  if #lines > MOST_LINES then io.stderr:write(("%s: and %d more\n"):format(kind, #lines - MOST_LINES)) end
end

local function run_import(words)
  local import = require "calr.data.import"
  local known = { ["-o"] = "value", ["--skip-bad"] = "flag", ["--help"] = "flag" }
  local description = layout_of(words, import)
  for _, option in ipairs(description and description.options or {}) do known["--" .. option[1]] = "value" end
  local positional, options = parse(words, known, usages.import)
  if options["--help"] then
    print("usage: " .. usages.import .. "\n")
    print [[
Puts a folder of images into one file. Every image is decoded once to check that it is
whole; its bytes are stored unchanged. The file appears under its name only when it is
complete; after an interruption, run the same command again.

  NAME        how to read folders and names: a layout below, or your own Lua file
  DIR         the folder (of the layout csv: the table)
  -o FILE     the file to write; an existing data set is replaced
  --skip-bad  leave out images that cannot be decoded, and list them

layouts:]]
    layout_help(import)
    return 0
  end
  local name, folder = expect(positional, { "NAME", "DIR" }, usages.import)
  if not options["-o"] then errors.usage("-o FILE is missing; usage: %s", usages.import) end
  check_order(name, folder, options["-o"])
  description = description or judge(import.layout, name)
  local values = {}
  for _, option in ipairs(description.options or {}) do values[option[1]] = options["--" .. option[1]] end
  arguments.check_source(folder, "folder or table")
  arguments.check_target(options["-o"])
  judge(import.check, description, values)
  local result = arguments.try_images(options["--skip-bad"], import.run, { layout = description, folder = folder,
    to = options["-o"], skip_bad = options["--skip-bad"], options = values })
  say("note", result.notes)
  say("warning", result.warnings)
  for _, bad in ipairs(result.skipped) do
    io.stderr:write(text.visible(("left out %s: %s"):format(bad.path, bad.reason)), "\n")
  end
  print(("%s: %d images, %s (%s)%s"):format(options["-o"], result.images, text.bytes(result.bytes),
    rate(result), #result.skipped > 0 and (", %d bad file%s left out"):format(#result.skipped,
      #result.skipped == 1 and "" or "s") or ""))
  return 0
end

local function run_info(words)
  local positional, options = parse(words, { ["--verify"] = "flag", ["--help"] = "flag" }, usages.info)
  if options["--help"] then
    print("usage: " .. usages.info .. "\n")
    print [[
Shows the contents of a data set: identities, images and cameras by split.

  --verify  read all images and check them against the fingerprint]]
    return 0
  end
  local path = expect(positional, { "FILE" }, usages.info)
  arguments.check_source(path, "data set")
  local dataset = try(require("calr.data").open, path)
  print(text.visible_lines(try(require("calr.data.info").text, dataset)))
  if options["--verify"] then
    local store = dataset:store()
    try(store.verify, store)
    print "\nverified: the contents match the fingerprint"
  end
  return 0
end

-- --test-ids 40 -> test_ids = 40
local function generator_options(generator, given)
  local values = {}
  for name in pairs(generator.options) do
    local option = "--" .. name:gsub("_", "-")
    if given[option] then
      values[name] = tonumber(given[option])
      if not values[name] then errors.usage("%s wants a number, not \"%s\"", option, given[option]) end
    end
  end
  judge(generator.count, values) -- the generator knows its ranges
  return values
end

local function make_help(generator)
  print(("usage: calr data make %s -o FILE.lmdb [--OPTION VALUE ...]\n"):format(generator.name))
  print [[
  -o FILE      the file to write; an existing data set is replaced
  --folder DIR write JPEG files to a new folder instead

options and their defaults:]]
  local names = sorted_keys(generator.options)
  local meanings = generator.meanings or {}
  for _, name in ipairs(names) do
    local value = tostring(generator.options[name])
    print((("  --%-12s %-5s %s"):format(name:gsub("_", "-"), value, meanings[name] or ""):gsub("%s+$", "")))
  end
  return 0
end

local function run_make(words)
  local make = require "calr.data.make"
  if not words[1] or words[1] == "--help" then
    if not words[1] then errors.usage("NAME is missing; usage: %s", usages.make) end
    print("usage: " .. usages.make .. "\n")
    print("Generates a data set. Generators: " .. table.concat(make.generators(), ", "))
    print "calr data make NAME --help lists its options."
    return 0
  end
  local generator = judge(make.generator, words[1])
  local known = { ["-o"] = "value", ["--folder"] = "value", ["--help"] = "flag" }
  for name in pairs(generator.options) do known["--" .. name:gsub("_", "-")] = "value" end
  local positional, given = parse(table.move(words, 2, #words, 1, {}), known, usages.make)
  if given["--help"] then return make_help(generator) end
  expect(positional, {}, usages.make)
  local to, folder = given["-o"], given["--folder"]
  if (to == nil) == (folder == nil) then
    errors.usage(to and "-o and --folder cannot be combined" or "-o FILE is missing; usage: " .. usages.make)
  end
  arguments.check_target(to)
  if folder then judge(make.check_folder, folder) end
  local options = generator_options(generator, given)
  local result = try(make.run, { generator = generator, options = options, to = to, folder = folder })
  print(("%s: %d images, %s of JPEG (%s)"):format(to or folder, result.images, text.bytes(result.bytes), rate(result)))
  return 0
end

-- The positional words and options of a subcommand, or nil after --help.
local function read(words, part, known, help)
  known["--help"] = "flag"
  local positional, options = parse(words, known, usages[part])
  if not options["--help"] then return positional, options end
  print("usage: " .. usages[part] .. "\n\n" .. help)
  return nil
end

local function number(options, name, whole)
  if not options[name] then return nil end
  local value = tonumber(options[name])
  if whole then value = math.tointeger(value) end
  if not value then
    errors.usage("%s wants a %snumber, not \"%s\"", name, whole and "whole " or "", options[name])
  end
  return value
end

local function needs_target(options, part)
  if not options["-o"] then errors.usage("-o FILE is missing; usage: %s", usages[part]) end
  arguments.check_target(options["-o"])
  return options["-o"]
end

local function run_merge(words)
  local positional, options = read(words, "merge", { ["-o"] = "value", ["--name"] = "value" }, [[
Puts data sets into one file. Cameras and identities are numbered anew, so that no two
sources share any; paths begin with the name of their source.

  -o FILE      the file to write
  --name NAME  of the data set; the default is the sources' names with "+" between]])
  if not positional then return 0 end
  if #positional < 2 then errors.usage("two data sets at least are merged; usage: %s", usages.merge) end
  local to = needs_target(options, "merge")
  for _, path in ipairs(positional) do arguments.check_source(path, "data set") end
  local result = try(require("calr.data.rewrite").merge, { from = positional, to = to, name = options["--name"] })
  local rows = {}
  for i, source in ipairs(result.sources) do
    local function range(r) return r[2] == 0 and "none" or ("%d to %d"):format(r[1], r[1] + r[2] - 1) end
    rows[i] = { source.name, text.count(source.images), range(source.cameras), range(source.identities) }
  end
  print(text.table { columns = { "source", { "images", align = "right" }, "cameras", "identities" }, rows = rows })
  print(("%s: %d images, %s (%s)"):format(to, result.images, text.bytes(result.bytes), rate(result)))
  return 0
end

local function list(options, name, whole)
  if not options[name] then return nil end
  local found = {}
  for word in options[name]:gmatch "[^,%s]+" do
    local value = whole and math.tointeger(tonumber(word)) or not whole and word or nil
    found[#found + 1] = value or errors.usage("%s wants numbers with commas between, not \"%s\"", name, options[name])
  end
  return found
end

local function run_subset(words)
  local known = { ["-o"] = "value", ["--cameras"] = "value", ["--identities"] = "value", ["--count"] = "value",
    ["--fraction"] = "value", ["--splits"] = "value", ["--seed"] = "value", ["--name"] = "value" }
  local positional, options = read(words, "subset", known, [[
Writes a part of a data set to a new file.

  --cameras 0,2     only images of these cameras, numbered from 0
  --identities N    N identities of training, and N of the queries with their gallery images;
                    junk, distractors and images without an identity stay
  --count N         N images of each split
  --fraction F      this share of the images of each split
  --splits LIST     reduce only these (train,query,gallery,multi); the others stay whole
  --seed N          another draw; 0
  --name NAME       of the new data set; the default is as it was]])
  if not positional then return 0 end
  local from = expect(positional, { "FILE" }, usages.subset)
  local to = needs_target(options, "subset")
  arguments.check_source(from, "data set")
  local o = { from = from, to = to, cameras = list(options, "--cameras", true),
    identities = number(options, "--identities", true), count = number(options, "--count", true),
    fraction = number(options, "--fraction"), splits = list(options, "--splits"),
    seed = number(options, "--seed", true), name = options["--name"] }
  if not (o.cameras or o.identities or o.count or o.fraction) then
    errors.usage("which part? --cameras, --identities, --count or --fraction says so; usage: %s", usages.subset)
  end
  local rewrite = require "calr.data.rewrite"
  judge(rewrite.check_subset, o, try(require("calr.data").open, from))
  local result = try(rewrite.subset, o)
  print(("%s: %d images, %s (%s)"):format(to, result.images, text.bytes(result.bytes), rate(result)))
  return 0
end

local function run_verify(words)
  local positional = read(words, "verify", {}, [[
Reads everything in a data set: compares it with the fingerprint and decodes every image.
Says which records would surprise: images that are there twice, images of training among
those of the test, queries without a match. Ends with status 1 if an image is bad.]])
  if not positional then return 0 end
  local path = expect(positional, { "FILE" }, usages.verify)
  arguments.check_source(path, "data set")
  local dataset = try(require("calr.data").open, path)
  local result = try(require "calr.data.verify", dataset)
  print(text.visible_lines(try(require("calr.data.info").text, dataset)) .. "\n")
  for _, image in ipairs(result.bad) do
    io.stderr:write(text.visible(("bad image %s: %s"):format(image.path, image.reason)), "\n")
  end
  for _, note in ipairs(result.notes) do print("note: " .. text.visible(note)) end
  if #result.bad > 0 then errors.fail("%d of %d images do not decode", #result.bad, result.images) end
  print(("verified: the contents match the fingerprint, and all %s images decode (%s)"):format(
    text.count(result.images), rate(result)))
  return 0
end

local function choice(options, name, choices)
  local value = options[name] or choices[1]
  for _, known in ipairs(choices) do
    if value == known then return value end
  end
  errors.usage("%s is one of %s, not \"%s\"%s", name, table.concat(choices, ", "), value, suggest(value, choices))
end

-- A number that is at least 1 and at most so large that the picture stays one.
local function at_most(options, name, default, most)
  local value = number(options, name, true) or default
  if value < 1 or value > most then errors.usage("%s is 1 to %d, not %d", name, most, value) end
  return value
end

local function run_show(words)
  local known = { ["-o"] = "value", ["--by"] = "value", ["--split"] = "value", ["--rows"] = "value",
    ["--columns"] = "value", ["--height"] = "value", ["--seed"] = "value", ["--html"] = "flag" }
  local positional, options = read(words, "show", known, [[
Shows some images of a data set: a contact sheet, a row an identity or a camera.

  -o FILE        the picture to write (PNG; a page with --html, or where it ends in .html)
  --by WHAT      a row is an identity (the default) or a camera
  --split SPLIT  train (the default), query, gallery or multi
  --rows N       8
  --columns N    images in a row at most, 10
  --height N     of an image, in pixels; 128
  --seed N       another draw; 0
  --html         a page of HTML in one file, with the images as they are]])
  if not positional then return 0 end
  local path = expect(positional, { "FILE" }, usages.show)
  local to = needs_target(options, "show")
  arguments.check_source(path, "data set")
  local o = { by = choice(options, "--by", { "identity", "camera" }),
    split = choice(options, "--split", { "train", "query", "gallery", "multi" }),
    rows = at_most(options, "--rows", 8, 200), columns = at_most(options, "--columns", 10, 100),
    seed = number(options, "--seed", true) or 0 }
  local height = at_most(options, "--height", 128, 1024)
  arguments.ends_in(to, ".png", ".html")
  local dataset, sheet = try(require("calr.data").open, path), require "calr.data.sheet"
  local rows = try(sheet.rows, dataset, o)
  if options["--html"] or options["-o"]:match "%.html$" then
    local title = ("%s, %s by %s"):format(dataset:name(), o.split, o.by)
    try(sys.write_file, to, sheet.page(rows, { height = height, title = title }))
  else
    local picture = try(sheet.picture, rows, { height = height })
    try(require("calr.image").save_png, picture, to)
  end
  print(("%s: %d rows"):format(to, #rows))
  return 0
end

local parts = { import = run_import, info = run_info, make = run_make, merge = run_merge, subset = run_subset,
  verify = run_verify, show = run_show }

--- calr.program.command.data.run(args)
--- @param args  the words after `calr data`
--- @return integer  exit status
function command.run(args)
  local word = args[1]
  if word == "--help" or word == "-h" then
    print("usage: " .. command.usage .. [[


import  pack a folder of images into a file
info    count what it holds
make    generate a data set
merge   put several into one
subset  take a part of one
verify  decode and check everything
show    a contact sheet of some images
]] .. "\n`calr data import --help` and so on say more.")
    return 0
  end
  if not parts[word] then
    local what = word and ("calr data has no \"%s\""):format(word) or "no subcommand is given"
    local names = { "import", "info", "make", "merge", "subset", "verify", "show" }
    errors.usage("%s%s; usage: %s", what, suggest(word, names), command.usage)
  end
  return parts[word](table.move(args, 2, #args, 1, {}))
end

return command
