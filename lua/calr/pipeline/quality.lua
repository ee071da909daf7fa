--- @module calr.pipeline.quality
--- Quality of clusters against the true identities, where a data set has them.

local L = require "calr.labels"
local Q = require "calr.quality"

local quality = {}

local function measure(truth, labels)
  local b, p = Q.bcubed(truth, labels), Q.pairwise(truth, labels)
  return {
    precision = b.precision, recall = b.recall, f = b.f, pairwise_f = p.f,
    nmi = Q.nmi(truth, labels), expansion = Q.expansion(truth, labels),
  }
end

function quality.overall(split, labels)
  local identities = split:identities()
  -- own images may have no identities: all of them -1
  local known = identities:ge(0)
  return known:any():item() and measure(identities[known], labels[known]) or nil
end

--- calr.pipeline.quality.camera_rows(cameras)
--- The images of each camera.
--- @param cameras  i32[n]
--- @return table  list of i64[m], one for each camera from camera 0 on; empty ones for cameras without images
function quality.camera_rows(cameras)
  local rows = {}
  for camera = 1, L.clusters(cameras) do rows[camera] = cameras:eq(camera - 1):nonzero():flatten() end
  return rows
end

function quality.by_camera(split, labels)
  local identities, cameras, total = split:identities(), split:cameras(), {}
  local known = identities:ge(0)
  local n = known:count_nonzero():item()
  if n == 0 then return nil end
  for camera = 0, L.clusters(cameras) - 1 do
    local here = known & cameras:eq(camera)
    local images = here:count_nonzero():item()
    if images > 0 then
      for name, value in pairs(measure(identities[here], labels[here])) do
        total[name] = (total[name] or 0) + value * images / n
      end
    end
  end
  return total
end

return (require("calr.options").counted("calr.pipeline.", quality))
