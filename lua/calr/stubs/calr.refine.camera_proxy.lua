---@meta calr.refine.camera_proxy
-- Made by `calr docs`; do not edit.

--- Camera-proxy agreement: each global cluster has one proxy for each camera that sees it, the mean feature of its
--- images there (Wang et al., CAP, AAAI 2021). Of all proxies of an image's camera the nearest must be that of its own
--- cluster; otherwise the image is discarded. What the camera does to images is the same for all that are compared. The
--- only image of a cluster under its camera is its own proxy, and stays.
---@class calr.refine.camera_proxy
local M = {}

return M
