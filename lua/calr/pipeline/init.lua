--- @module calr.pipeline
--- The two stages of CALR, features and evaluation, on the public modules: read them, copy them, change them.

local config = require "calr.pipeline.config"
local evaluation = require "calr.pipeline.evaluation"
local quality = require "calr.pipeline.quality"

local pipeline = {}

--- calr.pipeline.defaults(changes [, without])
--- The options that experiments share, with their defaults (listed in lua/calr/pipeline/config.lua), and a script's own
--- values in their place. For calr.config.
--- @param changes  table; nested tables are merged
--- @param without  list of options and groups that the script has no use for, such as {"intra"}: to give one is an
---                 error then
--- @return table
pipeline.defaults = config.defaults

--- calr.pipeline.preset(name)
--- The settings of the option preset=NAME.
--- @return table  dotted option -> value; a copy
function pipeline.preset(name)
  local settings = require("calr.pipeline.presets")[name]
  if not settings then error(("calr.pipeline.preset: there is no preset \"%s\""):format(tostring(name)), 2) end
  local copy = {}
  for option, value in pairs(settings) do copy[option] = value end
  return copy
end

--- calr.pipeline.network(cfg [, make])
--- The network that a configuration names, with random weights of its seed or those of the file cfg.weights.
--- @param make  function(options) -> network: makes another network of the same options (pooling, seed, ...), which are
---              its own table; the weights are loaded and recorded as ever
--- @return network
pipeline.network = config.network

--- calr.pipeline.run_of(cfg, data [, net])
--- The record of the run with this configuration: opened (or resumed) on the first call, the same on later ones.
--- @param net  layer; a network that is checked first, and becomes the model that the run saves
--- @return run
pipeline.run_of = config.run_of

--- calr.pipeline.features(net, split, cfg [, rows])
--- Unit features of the images of a split, in evaluation mode and without gradients, by the inference form of the
--- network (layer:folded). Features that are not finite are an error.
--- @param split  of a data set: data:train(), data:query(), data:gallery()
--- @param rows   i64[m]: only these images, in this order
--- @return tensor  f32[m x dim]
pipeline.features = evaluation.features

--- calr.pipeline.evaluate(net, data, cfg [, label])
--- Ranks the gallery for every query of the data set, and says the result in a line: to the terminal, and to the log of
--- the run where calr.pipeline.run_of has opened one.
---
--- Options of the configuration say how: ap and ignore as in calr.rank.evaluate, rerank, shots and eval_draws (CUHK03's
--- single-gallery-shot), expand (query expansion: average, Chum et al., ICCV 2007, or alpha, Radenovic et al., TPAMI
--- 2019), multi_query (further images of a query's person by its camera, pooled by mean or max: the split multi) and
--- eval_gallery (a share of the gallery, the same entries in every run and epoch: quicker, and higher figures, to be
--- compared among themselves only). The run's folder gets queries.csv: average precision and rank of the first match of
--- each query, of the last evaluation.
--- @param label  string; the line begins with it; default "evaluation"
--- @return table  mAP, rank1, rank5, rank10, mINP (fractions), queries (how many had a match) and spread, {mAP_low=,
---                mAP_high=, rank1_low=, rank1_high=}: of level .95, by the BCa bootstrap over the queries, which
---                says how far another sample of queries would lead, not another seed; or nil, with a note to the
---                terminal, for a data set that has nothing to rank: no query or gallery, no identities, or no query
---                with a match that the option ignore leaves
pipeline.evaluate = evaluation.evaluate

--- calr.pipeline.quality(split, labels)
--- How good clusters are against the true identities: B-cubed precision, recall and F, pairwise F, NMI and expansion.
--- Images of unknown identity (-1) do not count.
--- @param labels  i32[n], -1 for outliers, which count as clusters of their own
--- @return table  or nil when the split has no identities
pipeline.quality = quality.overall

--- calr.pipeline.local_quality(split, locals)
--- The same for local clusters: inside each camera, then the mean over the cameras weighted by their images.
--- @return table  or nil when the split has no identities
pipeline.local_quality = quality.by_camera

--- calr.pipeline.intra(net, data, cfg)
--- Stage 1: reliable local labels. For every camera on its own, from the weights that `net` has, which it has again
--- afterwards: cluster the camera's images, train against their memory, repeat; the labels of the epoch with the
--- highest silhouette are kept. Resumes where it was interrupted.
--- @return tensor  i32[n]: local cluster of each training image, numbered over all cameras
function pipeline.intra(net, data, cfg)
  return require("calr.pipeline.intra").run(net, data, cfg)
end

--- calr.pipeline.local_clusters(features, cameras, cfg)
--- Local clusters as stage 1 finds them, of features that are there already: for each camera, agglomerative clustering
--- of the Jaccard distance with the options intra.*. With the features of stage 2 the local clusters follow the
--- network (option intra.anew_from).
--- @param features  f32[n x d], unit rows
--- @param cameras   i32[n]
--- @return tensor  i32[n], numbered over all cameras
function pipeline.local_clusters(features, cameras, cfg)
  return require("calr.pipeline.intra").clusters(features, cameras, cfg)
end

--- calr.pipeline.oracle(what, split)
--- Parts of the method done by the true identities: what each of them could give at most, for experiments that explain
--- results. It is told the value of the option `oracle`; what it has nothing to say of, it gives back as it was.
---
---     local oracle = calr.pipeline.oracle(cfg.oracle, data:train())
---     global = oracle:clusters(global)
--- @param what   "none", "locals", "discards" or "clusters"
--- @param split  of a data set with identities: data:train()
--- @return oracle  with :locals(found), :clusters(labels) and :refined(labels, refined)
function pipeline.oracle(what, split)
  return require("calr.pipeline.oracle").new(what, split)
end

--- calr.pipeline.epochs(net, data, cfg [, {keep=, layers=, optimizer=, schedule=}])
--- Stage 2, the frame: for epoch, step in calr.pipeline.epochs(net, data, cfg) do ... end, with epoch from 0. At the
--- end of each epoch its record and a checkpoint are written; a resumed run continues with the first epoch that is
--- missing. The event "epoch" of calr.run.on follows each record; a study (calr.study) hears it, so that every epoch is
--- reported to the trial, as step epoch + 1, with the numbers of step:figures().
--- `step` has :features(), :neighbours(features), :train(memory), :teacher(),
--- :cluster_weights(labels), :quality{...}, :report(table), :figures() and :snapshot(context).
---
---     local head = calr.nn.linear(net.dim, 128):init(cfg.seed)
---     for epoch, step in calr.pipeline.epochs(net, data, cfg, { layers = { head = head } }) do ... end
--- @param keep    table of objects by name with state() and load_state(map), such as a memory that outlives an
---                epoch: checkpoints keep them, and a resumed run finds them as they were
--- @param layers  table of layers by name that are trained beside the network and kept in checkpoints: what further
---                losses need
--- @param optimizer  function(parameters, {lr=}) -> optimizer, in place of that of the option; what calr.optim.define
---                   returns is one
--- @param schedule   of calr.optim.schedule, or function(position) -> rate, in place of that of the options: by epoch,
---                   or by iteration with lr_by=iteration. One that ends before the run does is an error before the
---                   first batch
--- @return function  an iterator
function pipeline.epochs(net, data, cfg, more)
  return require("calr.pipeline.inter")(net, data, cfg, more)
end

return (require("calr.options").counted("calr.pipeline.", pipeline))
