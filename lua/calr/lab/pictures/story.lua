--- @module calr.lab.pictures.story
--- The story of a training image in a run: its label in every epoch, the pivot that it was measured against, why it was
--- discarded or kept, and its neighbours then. Behind `calr why`.

local L = require "calr.labels"
local errors = require "calr.errors"
local records = require "calr.lab.pictures.record"
local sys = require "calr.sys"
local text = require "calr.text"

local story = {}

-- ---- which image ----

-- Names that are no text in UTF-8, or hold control characters, go by what messages and pages show for them.
local function path_of(split, place) return text.visible(split:path(place)) end

local function ends_with(path, word)
  return path == word or path:sub(-#word - 1) == "/" .. word
end

-- Whether a test split has an image of that name, for the message.
local function elsewhere(data, word)
  for _, name in ipairs { "query", "gallery" } do
    local split = data[name](data)
    for i = 1, split:count() do
      if ends_with(path_of(split, i), word) then return name end
    end
  end
end

-- The place (from 1) of the image that a word names: its path in the data set, the end of one, or "#ROW" from 0.
local function find(record, word)
  local split, found, names = record.split, {}, {}
  word = text.visible(word)
  local row = word:match "^#(%d+)$"
  if row then
    row = math.tointeger(tonumber(row))
    if row and row < split:count() then return row + 1 end
    errors.usage("there is no row %s: the run trains on %s images, rows 0 to %d", word, text.count(split:count()),
      split:count() - 1)
  end
  for i = 1, split:count() do
    local path = path_of(split, i)
    if path == word then return i end
    if ends_with(path, word) then found[#found + 1] = i end
    names[i] = path:match "[^/]+$"
  end
  if #found == 1 then return found[1] end
  if #found > 1 then
    local paths = {}
    for i = 1, math.min(3, #found) do paths[i] = path_of(split, found[i]) end
    errors.usage("%s names %d images: %s%s; give more of the path", word, #found, table.concat(paths, ", "),
      #found > 3 and ", ..." or "")
  end
  local other = elsewhere(record.data, word)
  if other then
    errors.usage("%s is a %s image; only the images that a run trains on have labels by epoch", word, other)
  end
  local near = sys.nearest(word:match "[^/]+$" or word, names)
  errors.usage("no image that the run trains on is called %s%s", word, near and (" (did you mean %s?)"):format(near)
    or "")
end

-- ---- one epoch ----

local function at(tensor, place) return tensor and tensor:get(place) end

-- Why an image is in no global cluster, as far as the options of Infomap tell.
local function why_outlier(record, labels, place, least)
  local o = record.config.infomap
  local nearest = labels.similarities and labels.similarities:get(place, 1)
  if not o or not nearest then return "outlier: in no cluster" end
  least = least or o.min_similarity
  if nearest < least - 1 / 255 then
    return ("outlier: its nearest image is at %.2f, below infomap.min_similarity = %.2g"):format(nearest, least)
  end
  return ("outlier: its cluster would have fewer than infomap.min_size = %d images"):format(o.min_size)
end

local function why_kept(labels, cameras, place, pivot)
  if not labels.pivots then return "kept" end
  if pivot < 0 then return "kept: its cluster has no pivot" end
  if pivot == place - 1 then return "kept: it is the pivot" end
  if cameras[pivot + 1] ~= cameras[place] then return "kept: the pivot is of another camera" end
  local own, other = at(labels.locals, place), at(labels.locals, pivot + 1)
  if own == other then return "kept: of the pivot's local cluster" end
  return "kept by the pace, though not of the pivot's local cluster"
end

-- Whether refinement has put the image into another cluster than most of its global one.
local function moved(labels, place)
  local usual = L.take(L.commonest(labels.global, labels.refined), labels.global):get(place)
  return usual ~= labels.refined:get(place)
end

local function outcome(record, labels, cameras, place, least)
  local cluster, refined = labels.global:get(place), at(labels.refined, place)
  local pivot = labels.pivots and labels.pivots:get(place) or -1
  if cluster < 0 then
    if refined and refined >= 0 then return "kept", "kept: the rule gave it a cluster" end
    return "outlier", why_outlier(record, labels, place, least)
  end
  if not refined then return "kept", "in a cluster" end
  if refined < 0 then
    local reason = at(labels.reason, place) or 0
    return "discarded", "discarded: " .. (labels.reasons[reason] or "no reason given")
  end
  if moved(labels, place) then return "kept", "kept, in a cluster of its own part" end
  return "kept", why_kept(labels, cameras, place, pivot)
end

-- Rows (from 0) of the members of a cluster.
local function members(labels, cluster)
  if not labels or not cluster or cluster < 0 then return {} end
  return labels:eq(cluster):nonzero():flatten():totable()
end

local function distinct(rows, values)
  local seen, count = {}, 0
  for _, row in ipairs(rows) do
    if not seen[values[row + 1]] then seen[values[row + 1]], count = true, count + 1 end
  end
  return count
end

local function alike(rows, values, value)
  local count = 0
  for _, row in ipairs(rows) do count = count + (values[row + 1] == value and 1 or 0) end
  return count
end

local function epoch_of(self, labels, least)
  local place, cluster = self.place, labels.global:get(self.place)
  local rows = members(labels.global, cluster)
  local state, why = outcome(self.record, labels, self.cameras, place, least)
  local pivot = labels.pivots and labels.pivots:get(place) or -1
  return { epoch = labels.epoch, cluster = cluster, size = #rows, cameras = distinct(rows, self.cameras),
    same = self.identity >= 0 and cluster >= 0 and alike(rows, self.identities, self.identity) or nil,
    pivot = pivot >= 0 and pivot or nil, state = state, why = why, locals = at(labels.locals, place) }
end

-- The least similarity of each epoch, where edges_kept has lowered it.
local function least_by_epoch(path)
  local least = {}
  for _, line in ipairs(require("calr.run").metrics(path)) do
    if line.epoch and line.min_similarity then least[line.epoch] = line.min_similarity end
  end
  return least
end

-- The images nearest to this one: {row=, similarity=, cluster=, state=}.
local function neighbours_of(self, labels)
  local list = {}
  if not labels.neighbours then return list end
  local rows, similarities = labels.neighbours[self.place]:totable(), labels.similarities[self.place]:totable()
  for i, row in ipairs(rows) do
    if row >= 0 then
      local refined = at(labels.refined, row + 1)
      local cluster = labels.global:get(row + 1)
      list[#list + 1] = { row = row, similarity = similarities[i], cluster = cluster,
        state = cluster < 0 and "outlier" or refined and refined < 0 and "discarded" or "kept" }
    end
  end
  return list
end

-- The members of the image's global cluster, and who of them stayed.
local function cluster_of(self, labels)
  local list = {}
  for i, row in ipairs(members(labels.global, labels.global:get(self.place))) do
    local refined = at(labels.refined, row + 1)
    list[i] = { row = row, state = refined and refined < 0 and "discarded" or "kept" }
  end
  table.sort(list, function(a, b)
    local camera, other = self.cameras[a.row + 1], self.cameras[b.row + 1]
    if camera ~= other then return camera < other end
    return a.row < b.row
  end)
  return list
end

--- calr.lab.pictures.story.collect(path, image [, {epoch=}])
--- @param path   a run folder
--- @param image  string; the image's path in the data set, the end of one, or "#ROW" with the row from 0
--- @param epoch  integer from 0: whose neighbours and clusters to show; default: the last
--- @return table  record, place (of the image, from 1), image (its path), camera, identity (-1 unknown), epochs: a
---                list of {epoch=, cluster=, size=, cameras=, same=, pivot=, state=, why=, locals=}; and of the chosen
---                epoch: at (its place in epochs), neighbours, cluster and locals (rows from 0)
function story.collect(path, image, options)
  options = require("calr.options").check("calr.lab.pictures.story.collect", options, { "epoch" })
  local record = records.open(path)
  local chosen = record:place(options.epoch)
  record:needs_data()
  local split = record.split
  local place = find(record, image)
  local self = { record = record, place = place, image = path_of(split, place), epochs = {}, at = chosen,
    identities = split:identities():totable(), cameras = split:cameras():totable() }
  self.camera, self.identity = self.cameras[place], self.identities[place]
  local least = least_by_epoch(record.path)
  for i, item in ipairs(record.epochs) do
    local labels = record:labels(i)
    self.epochs[i] = epoch_of(self, labels, least[item.epoch])
    if i == chosen then
      self.neighbours, self.cluster = neighbours_of(self, labels), cluster_of(self, labels)
      self.locals = members(labels.locals, at(labels.locals, place))
      self.rule = labels.refined ~= nil
    end
  end
  return self
end

-- ---- as text ----

local function name_of(self, row)
  return path_of(self.record.split, row + 1):match "[^/]+$"
end

local function person(identity) return identity >= 0 and tostring(identity) or "unknown" end

-- Lines of the table of epochs; those of one outcome, one after the other, stay single lines: a label's history is
-- what one asks for.
local function epoch_table(self)
  local known, pivots = self.identity >= 0, false
  for _, e in ipairs(self.epochs) do pivots = pivots or e.pivot ~= nil end
  local columns = { { "epoch", align = "right" }, { "cluster", align = "right" }, { "images", align = "right" },
    { "cameras", align = "right" } }
  if known then columns[#columns + 1] = { "of its\nidentity", align = "right" } end
  if pivots then columns[#columns + 1] = { "pivot", align = "left" } end
  columns[#columns + 1] = { "what became of it", align = "left" }
  local rows = {}
  for i, e in ipairs(self.epochs) do
    local row = { e.epoch, e.cluster >= 0 and e.cluster, e.size > 0 and e.size, e.size > 0 and e.cameras }
    if known then row[#row + 1] = e.same or false end
    if pivots then
      row[#row + 1] = e.pivot and ("%s (camera %d)"):format(name_of(self, e.pivot), self.cameras[e.pivot + 1]) or false
    end
    row[#row + 1] = e.why
    rows[i] = row
  end
  return text.table { columns = columns, rows = rows }
end

local function totals(self)
  local count, parts = {}, {}
  for _, e in ipairs(self.epochs) do count[e.state] = (count[e.state] or 0) + 1 end
  for _, state in ipairs { "kept", "discarded", "outlier" } do
    if count[state] then parts[#parts + 1] = ("%s in %d"):format(state, count[state]) end
  end
  return ("%s of %d epoch%s"):format(table.concat(parts, ", "), #self.epochs, #self.epochs == 1 and "" or "s")
end

local function neighbour_table(self)
  local rows, known = {}, self.identity >= 0
  for i, n in ipairs(self.neighbours) do
    local identity = self.identities[n.row + 1]
    rows[i] = { ("%.2f"):format(n.similarity), self.cameras[n.row + 1],
      known and (identity == self.identity and "the same" or person(identity)) or false, n.cluster >= 0 and n.cluster,
      n.state, path_of(self.record.split, n.row + 1) }
  end
  return text.table { columns = { { "cosine", align = "right" }, { "camera", align = "right" },
    { "identity", align = "right" }, { "cluster", align = "right" }, "", "image" }, rows = rows }
end

--- calr.lab.pictures.story.text(collected)
--- @param collected  table; from calr.lab.pictures.story.collect
--- @return string  lines for the terminal
function story.text(collected)
  local self = collected
  local e = self.epochs[self.at]
  local lines = {
    ("image     %s, row %d"):format(self.image, self.place - 1),
    ("camera    %d"):format(self.camera),
    ("identity  %s"):format(person(self.identity)),
  }
  if #self.locals > 0 then
    lines[#lines + 1] = ("local     cluster %d of its camera: %d image%s%s"):format(e.locals, #self.locals,
      #self.locals == 1 and "" or "s", self.identity >= 0
      and (", %d of its identity"):format(alike(self.locals, self.identities, self.identity)) or "")
  end
  lines[#lines + 1] = "\n" .. epoch_table(self)
  lines[#lines + 1] = "\n" .. totals(self)
  if #self.neighbours > 0 then
    lines[#lines + 1] = ("\nnearest images in epoch %d"):format(e.epoch)
    lines[#lines + 1] = neighbour_table(self)
  end
  return table.concat(lines, "\n") .. "\n"
end

-- ---- as pictures ----

local MOST = 40 -- images of a row

-- The rows that a picture shows: list of {title=, note=, images = list of {row=, frame=, cross=, captions=}}.
local function galleries(self)
  local e, known = self.epochs[self.at], self.identity >= 0
  local function item(row, state, ...)
    local other = known and self.identities[row + 1] >= 0 and self.identities[row + 1] ~= self.identity
    return { row = row, frame = state, cross = other or nil,
      captions = select("#", ...) > 0 and { ... } or { ("cam %d"):format(self.cameras[row + 1]) } }
  end
  local list = { { title = "The image" .. (e.pivot and ", and its pivot" or ""),
    images = { item(self.place - 1, e.state) } } }
  if e.pivot and e.pivot ~= self.place - 1 then
    list[1].images[2] = item(e.pivot, "query", ("cam %d"):format(self.cameras[e.pivot + 1]), "pivot")
  end
  local function add(title, note, rows, make)
    if #rows == 0 then return end
    local images = {}
    for i = 1, math.min(#rows, MOST) do images[i] = make(rows[i]) end
    list[#list + 1] = { title = title, images = images,
      note = note .. (#rows > MOST and (" The first %d of %d."):format(MOST, #rows) or "") }
  end
  add(("Nearest images in epoch %d"):format(e.epoch), "Below each its cosine.", self.neighbours, function(n)
    return item(n.row, n.state, ("%.2f, cam %d"):format(n.similarity, self.cameras[n.row + 1]))
  end)
  add(("Its cluster %d in epoch %d: %d image%s"):format(e.cluster, e.epoch, #self.cluster,
    #self.cluster == 1 and "" or "s"), self.rule
    and "Green: kept. Red: discarded by the rule." or "", self.cluster, function(m) return item(m.row, m.state) end)
  add(("Its local cluster in epoch %d: %d image%s of camera %d"):format(e.epoch, #self.locals,
    #self.locals == 1 and "" or "s", self.camera), "", self.locals, function(row) return item(row) end)
  return list
end

local crossed = "A black corner marks another identity."

--- calr.lab.pictures.story.page(collected)
--- @param collected  table; from calr.lab.pictures.story.collect
--- @return table  input for calr.report.page
function story.page(collected)
  local self = collected
  local album = require("calr.lab.pictures.thumbs").album(400)
  local json = require "calr.json"
  local split, known = self.record.split, self.identity >= 0
  local function cell(row, frame, cross, caption)
    return { image = album:add(split, row), frame = frame, cross = cross, caption = caption }
  end
  local rows = json.array {}
  for i, gallery in ipairs(galleries(self)) do
    local images = json.array {}
    for j, item in ipairs(gallery.images) do
      images[j] = cell(item.row, item.frame, item.cross, table.concat(item.captions, ", "))
    end
    rows[i] = { title = gallery.title, note = gallery.note, images = images }
  end
  local epochs = json.array {}
  for i, e in ipairs(self.epochs) do
    epochs[i] = { epoch = e.epoch, cluster = e.cluster, size = e.size, cameras = e.cameras, same = e.same,
      state = e.state, why = e.why, pivot = e.pivot and cell(e.pivot, nil, nil,
        ("camera %d"):format(self.cameras[e.pivot + 1])) or nil }
  end
  return { kind = "why", title = self.image, run = self.record.name, row = self.place - 1, camera = self.camera,
    identity = known and self.identity or nil, totals = totals(self), rows = rows, epochs = epochs,
    at = self.epochs[self.at].epoch, images = album.images, paths = album.paths,
    command = ("calr why %s %s --epoch %d"):format(text.quote(self.record.path), text.quote(self.image),
      self.epochs[self.at].epoch), plain = { { self.image }, { totals(self) } } }
end

--- calr.lab.pictures.story.paint(collected)
--- @param collected  table; from calr.lab.pictures.story.collect
--- @return canvas  the same as a picture: canvas:save(path)
function story.paint(collected)
  local self = collected
  local sections, split = {}, self.record.split
  for i, gallery in ipairs(galleries(self)) do
    local items = {}
    for j, item in ipairs(gallery.images) do
      items[j] = { jpeg = split:jpeg(item.row + 1), frame = item.frame, cross = item.cross, captions = item.captions }
    end
    sections[i] = { title = gallery.title, note = gallery.note ~= "" and gallery.note or nil, items = items }
  end
  local lines = { self.image, ("camera %d, identity %s; %s"):format(self.camera, person(self.identity), totals(self)),
    ("epoch %d: %s"):format(self.epochs[self.at].epoch, self.epochs[self.at].why) }
  if self.identity >= 0 then lines[4] = crossed end
  return require("calr.lab.pictures.sheet").paint { lines = lines, sections = sections }
end

return (require("calr.options").counted("calr.lab.pictures.story.", story))
