---@meta calr.rank
-- Made by `calr docs`; do not edit.

--- Ranking: what a search of each query through a gallery finds, and how good that is.
---
--- Euclidean distances between the features as they are; with unit features that is the order of the cosine too.
--- Entries at the same distance keep the order of the gallery. Gallery entries of identity -1 (junk), and those of
--- the query's own identity and camera, are ignored; distractors (identity 0) stay. The option `ignore` has other rules:
--- "own" (the usual one), "camera" (all entries of the query's camera, as in CUHK03's first protocol), "junk" (no more
--- than junk). Memory grows with the gallery, not with queries times gallery.
---@class calr.rank
local M = {}

--- Mean average precision and cumulative match characteristic as Market-1501 has them (Zheng et al., ICCV 2015), and mINP,
--- how early the last match comes (Ye et al., TPAMI 2021). Queries without a match in the gallery are left
--- out; when that is every query, it is an error. Without cameras (both options absent), only junk is ignored.
---
--- In the result, cmc[r] is the share of queries with a match among the first r; a rank past the end of a small gallery
--- counts as its last. valid is the number of queries with a match. With per_query there are also
--- average_precision=f32[q] and first_match=i32[q] (rank of the first match from 1 on), -1 for queries left out.
---
--- Single-shot (shots="single") draws one entry of every identity for each query, `repeats` times, and gives means
--- over the draws; distractors all stay, each a person of its own. There first_match is the rank in the first draw.
---
--- Re-ranking (Zhong et al., CVPR 2017) ranks by the k-reciprocal distance instead; it needs unit features, and takes
--- the time of a neighbour search over queries and gallery together.
---@param options any
--- - `query`: f32[q x d], unit features
--- - `gallery`: f32[g x d], unit features
--- - `query_ids`: i32 or i64 [q], true identities
--- - `gallery_ids`: i32 or i64 [g]; -1 is junk
--- - `query_cameras`: i32 or i64 [q]
--- - `gallery_cameras`: i32 or i64 [g]
--- - `ap`: "step": mean of the precision at each hit; "trapezoid": as Market-1501's own script
--- - `max_rank`: length of the cmc table (default 20)
--- - `per_query`: also give the figures of each query (default false)
--- - `rerank`: true, or {k1=20, k2=6, lambda=0.3} (default false)
--- - `ignore`: "own" (default), "camera" or "junk": see above
--- - `shots`: "multi" (default): the whole gallery; "single": one entry of every identity
--- - `repeats`: draws of single-shot (default 10)
--- - `seed`: names the draws (default 0)
---@return table # {mAP=, mINP=, cmc=, valid=, average_precision=, first_match=}
function M.evaluate(options) end

--- The first k gallery entries for each query, nearest first: indices are rows of the gallery from 0 on, distances
--- euclidean, or re-ranked ones; -1 and infinity where the gallery ends before. With identities, junk is left out, and
--- with cameras also entries of the query's own identity and camera: the list is then what evaluate judges. Without,
--- nothing is.
---@param options any
--- - `query`: f32[q x d]
--- - `gallery`: f32[g x d]
--- - `k`: length of the lists
--- - `query_ids`: i32 or i64 [q]; optional, but then gallery_ids too
--- - `gallery_ids`: i32 or i64 [g]
--- - `query_cameras`: i32 or i64 [q]; optional, but then gallery_cameras too
--- - `gallery_cameras`: i32 or i64 [g]
--- - `rerank`: as in evaluate
--- - `ignore`: "own" (default), "camera" or "junk"
---@return table # {indices=i32[q x k], distances=f32[q x k]}
function M.topk(options) end

--- For galleries too large to hold: joins the lists of the parts seen so far with those of the next part, in place. With
--- parts of tens of thousands of rows, galleries of millions stream by:
---   lists = rank.topk{query=q, gallery=part, k=100}                    -- of the first part
---   rank.merge(lists, rank.topk{query=q, gallery=part, k=100}, first)  -- of each other
---@param lists any {indices=, distances=} of calr.rank.topk (the same without re-ranking); changed
---@param part any the same of the next part; its lists may have another length
---@param first any the row of the whole gallery, from 0, that the part begins with
---@return table # the lists
function M.merge(lists, part, first) end

--- Query expansion: each query becomes the normalised sum of itself and its k nearest gallery entries, weighted by their
--- cosine to the power alpha (Radenovic et al., TPAMI 2019); alpha = 0 is the plain average (Chum et al., ICCV 2007).
--- With the gallery as the query too, it is database-side augmentation, and no entry is its own neighbour. Rank with
--- what comes out in place of the queries.
---@param options any
--- - `query`: f32[q x d], unit features
--- - `gallery`: f32[g x d], unit features
--- - `k`: entries taken; fewer where the gallery ends before
--- - `alpha`: 0 or more
---@return tensor # f32[q x d], unit features
function M.expand(options) end

return M
