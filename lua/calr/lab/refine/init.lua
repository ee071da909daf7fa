local L = require "calr.labels"
local Q = require "calr.quality"
local errors = require "calr.errors"
local options = require "calr.lab.refine.options"
local refine = require "calr.refine"
local snapshots = require "calr.pipeline.snapshot"
local sys = require "calr.sys"
local userfile = require "calr.userfile"

--- @module calr.lab.refine
--- The workbench for refinement rules: applies rules to a snapshot of a training run and measures what they change. It
--- is used by `calr refine`, and by scripts:
---
---     local bench = calr.lab.refine.open "runs/calr-20260101-120000-1"
---     local plain = bench:measure(bench.snapshot.global)
---     for _, result in ipairs { bench:try "pivot", bench:try("./mine.lua", { margin = 0.2 }) } do
---       print(result.rule, result.quality.f - plain.quality.f, result.discarded)
---     end

local workbench = {}

local Bench = {}
Bench.__index = Bench

--- calr.lab.refine.file(path)
--- Returns the snapshot that a path names: a file, or the newest of a run folder. If there is none, a usage error says
--- how to get one.
--- @return string
function workbench.file(path)
  if not sys.exists(path) then errors.usage("there is no snapshot or run folder %s", path) end
  if not sys.is_folder(path) then return path end
  local files = snapshots.list(path)
  if #files == 0 then files = snapshots.list((path:gsub("/*snapshots/*$", ""))) end
  if #files == 0 then
    errors.usage(sys.exists(path .. "/run.json")
      and "the run in %s has no snapshots: train with snapshot_every=5, or call step:snapshot in your script"
      or "%s is not a run folder, and holds no snapshots", path)
  end
  return files[#files]
end

local function total(mask) return mask:count_nonzero():item() end

-- Identities without gaps, for images whose identity is known.
local function read_truth(snapshot)
  if not snapshot.identities then return nil end
  local rows = snapshot.identities:ge(0):nonzero():flatten()
  if rows:numel() == 0 then return nil end
  return { rows = rows, identities = snapshot.identities:index_select(1, rows),
    cameras = snapshot.cameras:index_select(1, rows) }
end

-- Images whose identity is not the majority identity of their cluster.
local function misplaced(global, identities)
  local known = identities:clamp(-1)
  local majority = L.take(L.commonest(global, known), global)
  return known:ne(majority) & known:ge(0) & majority:ge(0)
end

--- calr.lab.refine.open(path [, {outliers="singletons", trust=false}])
--- Opens a snapshot. It is data and chooses no code: Lua files that its options name (refine, pace) run only with
--- `trust`, or when they are named again to bench:try.
--- @param path      a snapshot, or a run folder for its newest
--- @param outliers  how outliers count: see calr.quality
--- @param trust     boolean; whether Lua files that the snapshot's options name may run
--- @return bench    with `snapshot` (see calr.pipeline.snapshot.load), `files` (the Lua files that its options name, by
---                  option: refine, pace), `cameras` (their number), `identities` (how many are known; 0: no quality),
---                  `misplaced` (mask bool[n]: images whose identity is not the majority identity of their global
---                  cluster; nil without identities)
function workbench.open(path, given)
  given = require("calr.options").check("calr.lab.refine.open", given, { "outliers", "trust" })
  local snapshot = snapshots.load(workbench.file(path))
  local self = setmetatable({ snapshot = snapshot, outliers = given.outliers or "singletons", files = {},
    trust = given.trust == true }, Bench)
  for _, name in ipairs { "refine", "pace" } do
    local value = snapshot.options[name]
    self.files[name] = type(value) == "string" and userfile.is_path(value) and value or nil
  end
  self.truth = read_truth(snapshot)
  self.cameras = L.clusters((L.canonical(snapshot.cameras)))
  self.identities = self.truth and L.clusters((L.pair(self.truth.identities, self.truth.identities))) or 0
  self.misplaced = self.truth and misplaced(snapshot.global, snapshot.identities) or nil
  return self
end

local function figures(report)
  return {
    precision = report.bcubed.precision, recall = report.bcubed.recall, f = report.bcubed.f,
    pairwise_f = report.pairwise.f, nmi = report.nmi, expansion = report.expansion,
  }
end

--- bench:measure(labels)
--- @param labels  i32[n]
--- @return table  clusters, outliers, discarded (images of a global cluster that are outliers here), quality
---                (precision, recall, f: B-cubed; pairwise_f, nmi, expansion; nil without identities), and cameras: a
---                list of {camera=, images=, outliers=, discarded=, quality=}, where the quality is that of the
---                clusters inside the camera
function Bench:measure(labels)
  local outlier = labels:lt(0)
  local gone = outlier & self.snapshot.global:ge(0)
  local _, clusters = L.canonical(labels)
  local result = { clusters = clusters, outliers = total(outlier), discarded = total(gone),
    cameras = {} }
  local by_camera = {}
  local truth, how = self.truth, { outliers = self.outliers }
  if truth then
    local known = labels:index_select(1, truth.rows)
    result.quality = figures(Q.report(truth.identities, known, how))
    for _, report in ipairs((Q.by_camera(truth.identities, known, truth.cameras, how))) do
      by_camera[report.camera] = figures(report)
    end
  end
  for camera = 0, L.clusters(self.snapshot.cameras) - 1 do
    local here = self.snapshot.cameras:eq(camera)
    local images = total(here)
    if images > 0 then
      result.cameras[#result.cameras + 1] = { camera = camera, images = images,
        outliers = total(outlier & here), discarded = total(gone & here),
        quality = by_camera[camera] }
    end
  end
  return result
end

-- A field missing in the snapshot is an error when a rule reads it.
local absent = {
  locals = "the snapshot has no local clusters (context.locals): its run had no stage 1",
  scores = "the snapshot has no node scores (context.scores)",
}

local function context_of(bench, values, given)
  local s, o = bench.snapshot, values
  local context = {
    global = s.global:clone(), locals = s.locals, cameras = s.cameras, scores = s.scores, features = s.features,
    neighbours = s.neighbours, epoch = o.epoch or s.epoch, epochs = o.epochs or s.epochs, seed = o.seed or s.seed,
    options = o.options,
  }
  local pace
  context.pace = function(...)
    if bench.files.pace and not bench.trust and given.pace == nil then
      error(("the snapshot names the pace %s, and a file of data runs no code: name it yourself (pace=%s), or trust "
        .. "the snapshot (--trust)"):format(bench.files.pace, bench.files.pace), 0)
    end
    pace = pace or refine.pace(o.options.pace or "always", o.options)
    return pace(...)
  end
  return setmetatable(context, { __index = function(_, name)
    if absent[name] then error(absent[name], 0) end
  end })
end

-- Why images were removed, most frequent first.
local function reason_list(bench, why)
  local list = {}
  for place, text in ipairs(why.texts) do
    local mask = why.of:eq(place - 1)
    list[place] = { reason = text, images = total(mask),
      misplaced = bench.misplaced and total(mask & bench.misplaced) or nil }
  end
  table.sort(list, function(a, b)
    if a.images ~= b.images then return a.images > b.images end
    return a.reason < b.reason
  end)
  return list
end

--- bench:try(rule [, options])
--- Applies a rule. Mistakes in the rule are errors.
--- @param rule     a name, a path, or a function: see calr.refine.load
--- @param options  of the rule, overriding those of the run: name -> value; epoch, epochs and seed replace the
---                 snapshot's
--- @return table   as returned by bench:measure, with rule, labels, seconds, reasons (a list of {reason=, images=,
---                 misplaced=}), changed (the given options) and used (the sorted names of all options that the
---                 rule read)
function Bench:try(rule, given)
  local started = sys.clock()
  local loaded = refine.load(rule)
  local merged = options.merge(self.snapshot.options, given or {}, loaded.options)
  local labels, _, why = refine.apply(loaded, context_of(self, merged, given or {}))
  local result = self:measure(labels)
  result.rule, result.labels, result.changed = rule, labels, given or {}
  result.reasons = reason_list(self, why)
  result.used = merged.used()
  result.seconds = sys.clock() - started
  return result
end

--- bench:recorded()
--- Returns what the run's own rule did in that epoch, as recorded in the snapshot.
--- @return table|nil  as returned by bench:try, for the rule "recorded"; nil if the snapshot has no refined labels
function Bench:recorded()
  local s = self.snapshot
  if not s.refined then return nil end
  local result = self:measure(s.refined)
  result.rule, result.labels, result.changed, result.used, result.seconds = "recorded", s.refined, {}, {}, 0
  result.reasons = s.reason and reason_list(self, { texts = s.reasons, of = s.reason }) or {}
  return result
end

local counted = require("calr.options").counted
counted("bench:", Bench)
return (counted("calr.lab.refine.", workbench))
