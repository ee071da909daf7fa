--- @module calr.lab.report
--- Writes a study, a run or a folder of runs as one self-contained HTML file: no network, no server.
---
---     calr.report.write("studies/refinement", { to = "refinement.html" })
---
--- The same folder gives the same bytes. The page draws the figures itself, from the data that it contains as
--- JSON; lua/calr/lab/report holds the page's parts (.html, .css, .js).

local check_options = require("calr.options").check
local errors = require "calr.errors"
local json = require "calr.json"
local sys = require "calr.sys"

local report = {}

local scripts = { "core", "scale", "figure", "model", "trial", "header", "results", "curves", "search", "parallel",
  "trials", "timeline", "compare", "run", "quality", "gallery", "pictures", "why", "main" }

local function part(name)
  return sys.read_file(("%s/calr/lab/report/%s"):format(sys.paths.lua, name))
end

local entities = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ["\""] = "&quot;", ["'"] = "&#39;" }

local function escape(text)
  return (text:gsub("[&<>\"']", entities))
end

-- JSON inside a script element: no "<" can end the element or begin a comment.
local function embed(value)
  return (json.encode(value):gsub("<", "\\u003c"):gsub("\u{2028}", "\\u2028"):gsub("\u{2029}", "\\u2029"))
end

-- The content of the page for readers without scripts.
local function plain_table(data)
  local rows = {}
  for _, line in ipairs(data.plain or {}) do
    local cells = {}
    for i, cell in ipairs(line) do cells[i] = ("<td>%s</td>"):format(escape(tostring(cell))) end
    rows[#rows + 1] = ("<tr>%s</tr>"):format(table.concat(cells))
  end
  return table.concat(rows, "\n")
end

--- calr.report.page(data)
--- Makes the page from the result of report.collect.
--- @return string  HTML
function report.page(data)
  local code = {}
  for i, name in ipairs(scripts) do code[i] = part(name .. ".js") end
  local plain = plain_table(data)
  data.plain = nil
  local values = {
    title = escape(data.title), style = part "page.css", data = embed(data), plain = plain,
    script = "(() => {\n\"use strict\";\n" .. table.concat(code, "\n") .. "\n})();",
  }
  return (part("page.html"):gsub("{{(%l+)}}", values))
end

--- calr.report.collect(folder [, {images=true, versus=}])
--- Returns the data of a report, as plain tables.
--- @param folder  of a study (study.json), of a run (run.json), or a folder of run folders
--- @param images  whether to include the images of a run
--- @param versus  string; label of the row to compare the others with; default: the first
--- @return table
function report.collect(folder, options)
  options = check_options("calr.report.collect", options, { "images", "versus" })
  folder = #folder > 1 and folder:gsub("/+$", "") or folder
  if not sys.is_folder(folder) then
    errors.usage(sys.exists(folder) and "%s is a file; a report needs a folder" or "there is no folder %s", folder)
  end
  if sys.exists(folder .. "/study.json") then
    local view = require("calr.lab.study.view").read(folder)
    return require("calr.lab.report.study").collect(view, options)
  end
  if options.versus and sys.exists(folder .. "/run.json") then
    errors.usage("--versus compares the rows of a study or of several runs; %s is one run", folder)
  end
  if sys.exists(folder .. "/run.json") then return require("calr.lab.report.run").collect(folder, options) end
  local view = require("calr.lab.report.runs").view(folder)
  if not view then
    errors.usage("%s is neither a study (study.json) nor a run (run.json), and contains no runs", folder)
  end
  return require("calr.lab.report.study").collect(view, options)
end

--- calr.report.write(folder [, {to=, images=true, versus=}])
--- Writes the report of a folder, completely or not at all.
--- @param to      the file; default: FOLDER/report.html
--- @param images  whether to include the images of a run
--- @param versus  string; label of the row to compare the others with; default: the first
--- @return string   the file
--- @return integer  its size in bytes
function report.write(folder, options)
  options = check_options("calr.report.write", options, { "to", "images", "versus" })
  local to = options.to or folder:gsub("/+$", "") .. "/report.html"
  local html = report.page(report.collect(folder, { images = options.images, versus = options.versus }))
  sys.write_file(to, html)
  return to, #html
end

-- Writes a page or a picture, by what the file's name ends in.
local function save(to, make_page, make_picture)
  if to:lower():match "%.png$" then
    make_picture():save(to)
  elseif to:lower():match "%.html?$" then
    sys.write_file(to, report.page(make_page()))
  else
    errors.usage("%s: write a page (.html) or a picture (.png)", to)
  end
  return to, sys.stat(to).size
end

--- calr.report.draw(run [, {to=, what=, points=2000, epoch=, model=, trust=false}])
--- Writes the pictures of a run alone, as a page or as one picture, completely or not at all: the t-SNE of its features
--- before and after training, galleries of clusters, ranked lists, mAP by pair of cameras. See
--- calr.lab.pictures.gather.
--- @param run     folder of a run
--- @param to      the file, .html or .png; default: RUN/pictures.html
--- @param what    list of "tsne", "clusters", "ranked", "cameras"; default: all
--- @param points  integer; of the t-SNE at most
--- @param epoch   integer from 0; whose clusters to show; default: the last
--- @param model   table; option -> value, in place of those of the run's network: see calr.trained.open
--- @param trust   whether a Lua file that the run names as its network may run
--- @return string   the file
--- @return integer  its size in bytes
--- @return table    list of notes: what could not be drawn, and why
function report.draw(run, options)
  local o = check_options("calr.report.draw", options, { "to", "what", "points", "epoch", "model", "trust" })
  local pictures = require "calr.lab.pictures"
  local gathered = pictures.gather(run, { what = o.what, points = o.points, epoch = o.epoch, model = o.model,
    trust = o.trust })
  if not (gathered.tsne or gathered.clusters or gathered.ranked or gathered.nearest or gathered.cameras) then
    errors.fail("%s: there is nothing to draw: %s", run, table.concat(gathered.notes, "; "))
  end
  local to, size = save(o.to or run:gsub("(.)/+$", "%1") .. "/pictures.html", function()
    local record = gathered.record
    return { kind = "pictures", title = record.name, script = (record.values.script or {}).path,
      data = (record.values.data or {}).name, status = record.values.status, command = "calr draw "
      .. require("calr.text").quote(run), pictures = pictures.page(gathered) }
  end, function() return pictures.paint(gathered) end)
  return to, size, gathered.notes
end

--- calr.report.why(run, image [, {to=, epoch=}])
--- Tells what became of a training image in a run, epoch by epoch: see calr.lab.pictures.story.
--- @param run    folder of a run
--- @param image  string; the image's path in the data set, the end of one, or "#ROW" with the row from 0
--- @param to     file for the same with pictures, .html or .png; default: none
--- @param epoch  integer from 0; whose neighbours and clusters to show; default: the last
--- @return string       lines of text
--- @return string|nil   the file
--- @return integer|nil  its size in bytes
function report.why(run, image, options)
  local o = check_options("calr.report.why", options, { "to", "epoch" })
  local story = require "calr.lab.pictures.story"
  local collected = story.collect(run, image, { epoch = o.epoch })
  local to, size
  if o.to then
    to, size = save(o.to, function() return story.page(collected) end, function() return story.paint(collected) end)
  end
  return story.text(collected), to, size
end

return (require("calr.options").counted("calr.report.", report))
