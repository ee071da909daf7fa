--- @module calr.pipeline.presets
--- Settings under a name, for the option preset=NAME; what the command line says besides counts more.
---
--- Those of the authors, by data set (arXiv 2403.16450 and its code), ask for ImageNet weights of a ResNet-50 and a day
--- of a processor. `small` is the same protocol at the size of one processor: Market-1501 at 128 x 64, a MobileNetV2
--- with ImageNet weights (weights=FILE). `street` is for generated pedestrians and random weights: minutes on one core
--- (docs/decisions/demonstration.md).

-- Images of persons are 256 x 128; batches hold 16 clusters of 4 images. Stage 1 looks for 600 clusters in each camera.
local merged = require "calr.tables".merged

local person = {
  network = "resnet50", ibn = true, pooling = "gem", height = 256, width = 128, clusters = 16, instances = 4,
  lr = 3.5e-4, weight_decay = 5e-4, lr_every = 20, lr_factor = 0.1, temperature = 0.05, momentum = 0.1,
  epochs = 70, iterations = 200, camera_weights_from = 0, ["augment.pad"] = 10, ["augment.flip"] = 0.5,
  ["augment.erase"] = 0.5, ["infomap.k"] = 15, ["infomap.min_similarity"] = 0.5, ["infomap.min_size"] = 5,
  ["alignment.weight"] = 1.0, ["alignment.epochs"] = -1, ["intra.epochs"] = 20, ["intra.iterations"] = 100,
  ["intra.clusters"] = 600, ["intra.k1"] = 30, ["intra.k2"] = 6, ["intra.momentum"] = 0.2,
}

return {
  street = { epochs = 20, iterations = 40, lr = 1e-3, ["augment.pad"] = 4, ["infomap.k"] = 12, ["intra.epochs"] = 4,
    ["intra.iterations"] = 20, ["intra.lr"] = 1e-3, ["intra.k1"] = 15, ["intra.per_cluster"] = 4 },
  small = merged(person, { network = "mobilenet_v2", last_stride = 1, ibn = false, height = 128, width = 64,
    epochs = 12, iterations = 40, lr_every = 8, ["augment.pad"] = 5, ["intra.epochs"] = 6,
    ["intra.iterations"] = 50 }),
  market1501 = person,
  dukemtmc = person,
  msmt17 = merged(person, { iterations = 400, camera_weights_from = -1, ["alignment.weight"] = 0.0,
    ["intra.clusters"] = 0, ["intra.per_cluster"] = 5 }),
  veri776 = merged(person, { ibn = false, height = 224, width = 224, instances = 16, epochs = 50, iterations = 400,
    camera_weights_from = 5, ["alignment.epochs"] = 3, ["intra.clusters"] = 0, ["intra.per_cluster"] = 5,
    ["intra.k1"] = 15, ["intra.k2"] = 4, ["intra.momentum"] = 0.1 }),
}
