--- @module calr.lab.discover.output
--- The files of `calr discover`: a table, a contact sheet of each person, a page of all.

local csv = require("calr.text").csv
local image = require "calr.image"
local sheet = require "calr.data.sheet"
local sys = require "calr.sys"
local text = require "calr.text"

local output = {}

local WIDE = 10 -- images in a row of a sheet
local ON_PAGE = { persons = 200, images = 12 } -- of the page of all persons, which would grow without end

--- calr.lab.discover.output.table(path, looked, found)
--- Writes clusters.csv: path, camera, person (-1: none), similarity to the mean of the person's images, and why an
--- image belongs to nobody.
--- @param looked  {paths=, cameras=, names=}: of the images that were trained on
--- @param found   of calr.lab.discover.persons
function output.table(path, looked, found)
  local lines, labels, similarity = { "path,camera,person,similarity,why" }, found.labels:totable(),
    found.similarity:totable()
  for i, file in ipairs(looked.paths) do
    lines[i + 1] = table.concat({ csv(file), csv(looked.names[looked.cameras[i] + 1]), ("%d"):format(labels[i]),
      labels[i] >= 0 and ("%.4f"):format(similarity[i]) or "", csv(found.why[i]) }, ",")
  end
  sys.write_file(path, table.concat(lines, "\n") .. "\n")
end

-- The images of each person, the most typical first: list of lists of positions.
local function by_person(found)
  local persons, similarity = {}, found.similarity:totable()
  for i = 1, found.count do persons[i] = {} end
  for i, label in ipairs(found.labels:totable()) do
    if label >= 0 then table.insert(persons[label + 1], i) end
  end
  for _, images in ipairs(persons) do
    table.sort(images, function(a, b)
      if similarity[a] ~= similarity[b] then return similarity[a] > similarity[b] end
      return a < b
    end)
  end
  return persons
end

local function plural(count, word) return ("%s %s%s"):format(text.count(count), word, count == 1 and "" or "s") end

-- Rows of a contact sheet: the cameras one after the other, in rows of ten.
local function rows_of(images, looked, split)
  local rows = {}
  for camera, name in ipairs(looked.names) do
    local of_camera = {}
    for _, i in ipairs(images) do
      if looked.cameras[i] == camera - 1 then of_camera[#of_camera + 1] = i end
    end
    for first = 1, #of_camera, WIDE do
      local row = { images = {}, caption = first == 1 and ("%s: %s"):format(name, plural(#of_camera, "image")) or "" }
      for j = first, math.min(first + WIDE - 1, #of_camera) do
        local i = of_camera[j]
        row.images[#row.images + 1] = { jpeg = split:jpeg(i), path = looked.paths[i],
          caption = looked.paths[i]:match "[^/]+$":gsub("%.%w+$", "") }
      end
      rows[#rows + 1] = row
    end
  end
  return rows
end

local function seen_by(images, looked)
  local seen, count = {}, 0
  for _, i in ipairs(images) do
    local camera = looked.cameras[i]
    if not seen[camera] then seen[camera], count = true, count + 1 end
  end
  return count
end

--- calr.lab.discover.output.sheets(folder, looked, found, split, each)
--- Paints a contact sheet of each person, FOLDER/person-0000.png and so on, and FOLDER.html, a page of all of them: of
--- the first 200 persons, 12 images each.
--- @param each  function(done), called after each sheet
--- @return integer  how many persons more than one camera has seen
function output.sheets(folder, looked, found, split, each)
  sys.make_folder(folder)
  local across, page, wanted = 0, {}, {}
  for number, images in ipairs(by_person(found)) do
    local cameras, file = seen_by(images, looked), ("person-%04d.png"):format(number - 1)
    across, wanted[file] = across + (cameras > 1 and 1 or 0), true
    local rows = rows_of(images, looked, split)
    image.save_png(sheet.picture(rows, { height = 128 }), folder .. "/" .. file)
    if number <= ON_PAGE.persons then
      local row = { images = {}, caption = ("person %d: %s, %s%s"):format(number - 1, plural(#images, "image"),
        plural(cameras, "camera"), #images > ON_PAGE.images and (", %d shown"):format(ON_PAGE.images) or "") }
      for j = 1, math.min(#images, ON_PAGE.images) do
        local i = images[j]
        row.images[j] = { jpeg = split:jpeg(i), path = looked.paths[i],
          caption = looked.names[looked.cameras[i] + 1] }
      end
      page[number] = row
    end
    each(number)
  end
  for _, file in ipairs(sys.list(folder)) do -- of an earlier run with more persons
    if file:match "^person%-%d+%.png$" and not wanted[file] then sys.remove(folder .. "/" .. file) end
  end
  local belong = found.labels:ge(0):count_nonzero():item()
  local title = ("%s in %s of %s"):format(plural(found.count, "person"), text.count(belong),
    plural(#looked.paths, "image"))
  if found.count > ON_PAGE.persons then title = title .. (", the first %d"):format(ON_PAGE.persons) end
  sys.write_file(folder .. ".html", sheet.page(page, { height = 128, title = title }))
  return across
end

return (require("calr.options").counted("calr.lab.discover.output.", output))
