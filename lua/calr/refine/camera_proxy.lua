--- @module calr.refine.camera_proxy
--- Camera-proxy agreement: each global cluster has one proxy for each camera that sees it, the mean feature of its
--- images there (Wang et al., CAP, AAAI 2021). Of all proxies of an image's camera the nearest must be that of its own
--- cluster; otherwise the image is discarded. What the camera does to images is the same for all that are compared. The
--- only image of a cluster under its camera is its own proxy, and stays.

local C = require "calr.cluster"
local L = require "calr.labels"
local T = require "calr.tensor"
local bank = require "calr.bank"

-- For every image the nearest of the proxies of its own camera.
local function nearest_of_camera(context, proxies, camera_of)
  local nearest = T.full({ context.cameras:numel() }, -1, "i32")
  for camera = 0, L.clusters(context.cameras) - 1 do
    local images = context.cameras:eq(camera):nonzero():flatten()
    local own = camera_of:eq(camera):nonzero():flatten()
    if own:numel() > 0 then
      local found = C.knn(context.features:index_select(1, images),
        { k = 1, base = proxies:index_select(1, own) }).indices
      nearest:index_copy_(1, images, own:index_select(1, found:flatten()):to "i32")
    end
  end
  return nearest
end

return function(context)
  local proxy = L.pair(context.global, context.cameras)
  if L.clusters(proxy) == 0 then return context.global end
  local nearest = nearest_of_camera(context, bank.centroids(context.features, proxy),
    L.commonest(proxy, context.cameras))
  local wrong = proxy:ne(nearest) & proxy:ge(0) & nearest:ge(0)
  return T.where(wrong, -1, context.global), { ["nearer to another cluster under its camera"] = wrong }
end
