---@meta calr.labels
-- Made by `calr docs`; do not edit.

--- The vocabulary of refinement rules: labels and masks of all images at once.
---
--- Labels are i32[n], 0-based, -1 for an outlier; cameras and local clusters are labels too. Masks
--- are u8[n] of 0 and 1. Row numbers are i64, 0-based, -1 for none.
---@class calr.labels
local M = {}

---@param labels any
---@return integer # the largest label + 1
function M.clusters(labels) end

--- Numbers clusters by first appearance; clusters of fewer than min_size images become outliers.
---@param labels any
---@param options any
---@return tensor # i32[n]
---@return integer # clusters left
function M.canonical(labels, options) end

--- One label for each pair (a, b) that occurs, such as cluster and camera; -1 where either is -1.
---@param a any
---@param b any
---@return tensor # i32[n]
---@return integer # the number of pairs
function M.pair(a, b) end

--- Matches the clusters of two labellings one to one so that as many images as possible lie in matched clusters
--- (Hungarian method; exact). Images that are outliers in one of them do not count.
---@param a any i32[n]
---@param b any i32[n]
---@return tensor # i32[clusters of a]: the cluster of b that goes with each, -1 for none
---@return integer # images in matched clusters
function M.match(a, b) end

--- `after` with the numbers of `before`: a cluster that is matched (calr.labels.match) gets the number it had, the
--- others numbers past those of `before`. For pictures and tables in which a cluster keeps its name over epochs.
---@param before any i32[n]
---@param after any i32[n]
---@return tensor # i32[n]
---@return integer # the largest label + 1
function M.align(before, after) end

--- The number of images of each cluster.
---@param labels any
---@return tensor # i64[clusters]
function M.count(labels) end

--- For each cluster the row of its member with the highest score (the first of equals).
---@param labels any
---@param scores any f32[n]
---@return tensor # i64[clusters], -1 for an empty cluster
function M.argmax(labels, scores) end

--- For each cluster the last member, in the order of the rows, whose score exceeds the threshold.
---@param labels any
---@param scores any
---@param threshold any
---@return tensor # i64[clusters], -1 where none does
function M.last_above(labels, scores, threshold) end

--- For each cluster the entropy (natural logarithm) of its members' distribution over the groups.
---@param labels any
---@param groups any i32[n], such as the cameras
---@return tensor # f32[clusters]
function M.entropy(labels, groups) end

--- For each cluster the group that most of its members have: the local cluster, the camera or the identity that
--- dominates it. Of equally common ones the one that comes first; members of group -1 do not count.
---@param labels any
---@param groups any i32[n], such as the local clusters
---@return tensor # i32[clusters], -1 for a cluster without a group
function M.commonest(labels, groups) end

--- For each image the share of its nearest neighbours that are in its cluster, the image itself not counted. 0 for an
--- outlier; an outlier among the neighbours is in no cluster.
---@param labels any
---@param indices any i32[n x k], as calr.cluster.knn gives them; -1 for no neighbour
---@param options any
--- - `count`: only the first so many entries of each list, the image itself counted when it heads its list; all where absent
---@return tensor # f32[n], 0 .. 1
function M.neighbour_share(labels, indices, options) end

--- values[rows[i]] for every i, and -1 where rows[i] is -1: follows a pointer for all images at
--- once.
---@param values any integers[m]
---@param rows any integers[n], 0-based, -1 for none
---@return tensor # [n] of the type of values (u8 values: i32)
function M.take(values, rows) end

--- Mask of the items where two vectors of integers (or a vector and a number) agree. -1 agrees with
--- nothing: an outlier is like no other.
---@param a any
---@param b any
---@return tensor # u8[n]
function M.equal(a, b) end

--- Mask of the items where both are known (not -1) and differ.
---@param a any
---@param b any
---@return tensor # u8[n]
function M.differ(a, b) end

--- Mask of the items that are `number` or more.
---@param values any a vector of integers, or f32[n]
---@param number any
---@return tensor # u8[n]
function M.at_least(values, number) end

--- Mask of the items set in all masks.
---@param mask any
---@param mask any
---@param ... any
---@return tensor # u8[n]
function M.both(mask, mask, ...) end

--- The value below which a share q of the values lies, interpolated between the two nearest as NumPy does: 0.5 is the
--- median. A NaN is an error.
---@param values any f32[n]
---@param q any 0 .. 1
---@param mask any u8[n]: only these values; all where absent
---@return number|nil # nil when there is no value
function M.quantile(values, q, mask) end

---@param mask any
---@return tensor # u8[n]
function M.invert(mask) end

---@param mask any
---@return integer # how many items are set
function M.total(mask) end

--- Where a mask is set.
---@param mask any
---@return tensor # i64[m]: row numbers, ascending
function M.rows(mask) end

--- labels[rows[i]] := values[i], in place: the labels of a part among those of all.
---@param labels any i32[n]
---@param rows any i64[m], 0-based
---@param values any i32[m]
---@return tensor # the labels
function M.put(labels, rows, values) end

--- Adds a number to all labels but those of outliers: numbers for clusters that stand beside others.
---@param labels any
---@param by any
---@return tensor # i32[n]
function M.shift(labels, by) end

--- a where the mask is set, b elsewhere; each a vector of labels or a number.
---@param mask any
---@param a any
---@param b any
---@return tensor # i32[n]
function M.where(mask, a, b) end

--- A mask whose items are set with a probability, each by its own random number: item i of an epoch
--- does not depend on the others.
---@param count any
---@param probability any
---@param options any
---@return tensor # u8[count]
function M.chance(count, probability, options) end

return M
