--- @module calr.lab.retrieval
--- A trained network in use: what `calr extract`, `calr evaluate` and `calr search` do, for scripts.
---
---     local retrieval, model = calr.lab.retrieval, calr.trained.open "runs/first"
---     retrieval.extract { model = model, images = "photographs", to = "gallery.npy" }
---     local found = retrieval.search { model = model, gallery = "gallery.npy", queries = { "query.jpg" }, top = 5 }
---     for _, hit in ipairs(found.queries[1].hits) do print(hit.rank, hit.name, hit.distance) end
---
--- Images are given by the path of a folder (any names, folders inside, without litter), of a data set, or of one
--- image.

local check_options = require("calr.options").check

local retrieval = {}

local extract_options = { "model", "images", "to", "split", "skip_bad", "chunk", "anew" }

--- calr.lab.retrieval.extract{model=, images=, to=, split="all", skip_bad=false, chunk=1024, anew=false}
--- Writes the features of images to NAME.npy, what they are of to NAME.csv (name, and identity, camera and split
--- where they are known), and by which model to NAME.json. An extraction that was interrupted goes on where it was;
--- files have their names only when they are complete.
--- @param model     trained; from calr.trained.open
--- @param images    string; a path
--- @param to        string; the file to write, NAME.npy
--- @param split     string; of a data set: "train", "query", "gallery", "multi" or "all"
--- @param skip_bad  images that cannot be read or decoded are left out and named; otherwise the first is an error
--- @param chunk     integer; images between two savings
--- @param anew      parts of another extraction to the same file are thrown away; otherwise they are an error
--- @return table    rows, dim, seconds, extracted = images that were not there from an earlier call, skipped = list of
---                  texts, files = list of the files written
function retrieval.extract(options)
  local o = check_options("calr.lab.retrieval.extract", options, extract_options)
  local list = require("calr.data.images").open(o.images, { split = o.split })
  return require("calr.lab.retrieval.extract").run { model = o.model, images = list, from = o.images, to = o.to,
    skip_bad = o.skip_bad, chunk = o.chunk, anew = o.anew }
end

local evaluate_options = { "model", "data", "features", "csv", "cfg", "raw", "by_camera", "worst" }

--- calr.lab.retrieval.evaluate{model=, data=, features=, csv=, cfg=, raw=false, by_camera=false, worst=10}
--- Ranks the gallery for every query: of a data set by a trained network, or of features in files.
--- @param model      trained; from calr.trained.open. Its configuration has the options of evaluation
--- @param data       string|dataset; with model
--- @param features   list of paths, in place of model and data: queries and gallery, or one file whose table has a
---                   column split
--- @param csv        list of the paths of their tables; default: NAME.csv beside NAME.npy
--- @param cfg        table; with features, the options of evaluation: ap, ignore, rerank, shots, expand, ...
--- @param raw        with features: rows are not scaled to length 1, so that distances are euclidean
--- @param by_camera  also the figures of each pair of cameras
--- @param worst      integer; queries to list
--- @return table  mAP, mINP, rank1, rank5, rank10, rank20 (fractions), queries (with a match), query_images,
---                gallery_images, interval, remarks, worst and each = lists of {name=, identity=, camera=,
---                average_precision=, first_match=}, camera_pairs = list of {query=, gallery=, mAP=, rank1=, queries=}
function retrieval.evaluate(options)
  local o = check_options("calr.lab.retrieval.evaluate", options, evaluate_options)
  local evaluate = require "calr.lab.retrieval.evaluate"
  if o.features then
    return evaluate.features { features = o.features, csv = o.csv, cfg = o.cfg or {}, raw = o.raw,
      by_camera = o.by_camera, worst = o.worst }
  end
  local data = type(o.data) == "string" and require("calr.data").open(o.data) or o.data
  return evaluate.model { model = o.model, data = data, by_camera = o.by_camera, worst = o.worst }
end

local search_options = { "model", "gallery", "queries", "top", "split", "csv", "pictures", "rerank", "approximate",
  "index", "recall", "ignore", "keep_self", "skip_bad" }

--- calr.lab.retrieval.search{gallery=, queries=, model=, top=10, split=, csv=, pictures=, rerank=false,
---   approximate=false, index=, recall=0.98, ignore="own", keep_self=false, skip_bad=false}
--- Finds the images of a gallery whose features are nearest to those of each query.
--- @param gallery      string; the path of images or of features (.npy)
--- @param queries      list of paths of images, folders, data sets (their queries) and features, and of names of images
---                     of the gallery
--- @param model        trained; from calr.trained.open. Where all are features none is needed
--- @param top          integer; length of the lists
--- @param split        string; of the gallery: "train", "query", "gallery", "multi" or "all"; default: the gallery, or
---                     all where there is none
--- @param csv          string; the table of the gallery's features; default: NAME.csv beside NAME.npy
--- @param pictures     string; folder or data set with the images of features, for strips; default: where
---                     `calr extract` took them from
--- @param rerank       order by the k-reciprocal distance (calr.rank.topk)
--- @param approximate  by an index, a graph of neighbours, which looks at a part of the gallery only
--- @param index        string; of a gallery of features, the file that keeps this index: it is read if it is there, an
---                     error if it is of other features, and otherwise made and written
--- @param recall       number; the share of the true neighbours that the index is to find
--- @param ignore       entries that a query of known identity must not find: "own" (those of its identity and camera),
---                     "camera" (those of its camera), "junk" (those of identity -1, which the others leave out, too),
---                     or "nothing"
--- @param keep_self    a query that is in the gallery finds itself; otherwise it is left out
--- @param skip_bad     images that cannot be read or decoded are left out and named; otherwise the first is an error
--- @return table  queries = list of {query = {name=, identity=, camera=, ...}, own = its row in the gallery or nil,
---                hits = list of {rank=, row = from 1, name=, distance=, identity=, camera=, match = true, false or
---                nil}}, about = how it was searched, seconds = of the search alone, entries, side = the gallery's
---                features
function retrieval.search(options)
  local o = check_options("calr.lab.retrieval.search", options, search_options)
  local gallery = require "calr.lab.retrieval.gallery"
  local side = gallery.open(o.gallery, { model = o.model, split = o.split, csv = o.csv, pictures = o.pictures,
    skip_bad = o.skip_bad, index = o.index })
  local tensors, metadata
  if o.index and not side.graph then tensors, metadata = require("calr.lab.retrieval.kept").parts(side, o.split) end
  local queries = gallery.queries(o.queries, side, { model = o.model, skip_bad = o.skip_bad })
  local found = require("calr.lab.retrieval.search").run { queries = queries, gallery = side, top = o.top,
    rerank = o.rerank, approximate = o.approximate, index = o.index, recall = o.recall, ignore = o.ignore,
    keep_self = o.keep_self, keep = tensors and { tensors = tensors, metadata = metadata } }
  found.side = side
  return found
end

--- calr.lab.retrieval.strip(found, path [, {height=128}])
--- Writes the lists of a search as pictures, each query and then what it found: one PNG, or where the name ends in
--- .html one page with the images inside. Where identities are known, frames are green (the query's) or red (another).
--- @param found   table; from calr.lab.retrieval.search
--- @param height  integer; of an image, in pixels
--- @return integer  pictures that were not to be had
function retrieval.strip(found, path, options)
  local o = check_options("calr.lab.retrieval.strip", options, { "height" })
  return require("calr.lab.retrieval.strip").save(found, found.side, path, { height = o.height or 128 })
end

return (require("calr.options").counted("calr.lab.retrieval.", retrieval))
