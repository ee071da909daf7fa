-- Makes street.png: persons of the generated data set (rows) under its six cameras (columns).
-- calr run docs/images/street.lua data=street.lmdb out=docs/images/street.png
local calr = require "calr"
local T, image = calr.tensor, calr.image

local option = calr.config.option
local cfg = calr.config {
  data = option("street.lmdb", "a data-set store"),
  out = option("street.png", "the picture"),
  persons = option(4, "rows"),
  shown = option(1, "images of a person under a camera"),
  height = option(128, "of an image"), width = option(64, "of an image"),
}

local split = calr.data.open(cfg.data):train()
local identities, cameras = split:identities():totable(), split:cameras():totable()
local last_camera = calr.labels.clusters(split:cameras())

-- seen[identity][camera]: positions
local seen, order = {}, {}
for i, identity in ipairs(identities) do
  if not seen[identity] then
    seen[identity] = {}
    order[#order + 1] = identity
  end
  local list = seen[identity][cameras[i]] or {}
  seen[identity][cameras[i]] = list
  list[#list + 1] = i
end

local gap = 4
local cell = cfg.shown * (cfg.width + 1) + gap
local sheet = T.full({ cfg.persons * (cfg.height + gap), last_camera * cell, 3 }, 255, "u8")
local row = 0
for _, identity in ipairs(order) do
  local cameras_seen = 0
  for _ in pairs(seen[identity]) do cameras_seen = cameras_seen + 1 end
  if row < cfg.persons and cameras_seen >= last_camera - 1 then
    for camera = 0, last_camera - 1 do
      for k = 1, math.min(cfg.shown, #(seen[identity][camera] or {})) do
        local picture = image.resize(image.decode(split:jpeg(seen[identity][camera][k])),
          { height = cfg.height, width = cfg.width })
        sheet:narrow(1, row * (cfg.height + gap) + 1, cfg.height)
          :narrow(2, camera * cell + (k - 1) * (cfg.width + 1) + 1, cfg.width):copy(picture)
      end
    end
    row = row + 1
  end
end
image.save_png(sheet, cfg.out)
