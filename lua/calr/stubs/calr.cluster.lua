---@meta calr.cluster
-- Made by `calr docs`; do not edit.

--- Neighbours, distances between images, and clustering.
---
--- Features are f32[n x d], one row an image. Row numbers inside tensors count from 0. Labels are
--- i32[n], numbered from 0 in the order of their first appearance, -1 for outliers. Everything is
--- deterministic: the same input gives the same result for any number of threads.
---@class calr.cluster
local M = {}

--- The k nearest rows of every row of x, nearest first, ties by the lowest row number. With
--- include_self every row heads its own list, and counts: k = 15 is the row and 14 others, as in
--- this field's code.
---@param x any f32[n x d]; for the cosine rows of any length, a row of zeros has similarity 0 to all
---@param options any
--- - `k`: neighbours of each row; an error when there are fewer rows
--- - `metric`: "cosine" or "euclidean"
--- - `include_self`: whether a row is its own first neighbour; ignored with a base
--- - `base`: f32[m x d], the rows to look among, with x as the queries; x itself where absent
--- - `approximate`: true, for some hundred thousand rows and more: by an index that is made for this call (calr.cluster.ivf), with as many probes as give a recall of 0.95. Or a table of its options: lists, sample, seed, copy, and probes or recall, and measure (see index:search)
---@return table # indices = i32[n x k] from 0; similarities = f32[n x k] (cosine) or distances = f32[n x k] (euclidean); approximate: recall = the measured one, probes and lists too
function M.knn(x, options) end

--- Density clusters (DBSCAN; Ester, Kriegel, Sander, Xu, KDD 1996), the memberships of scikit-learn.
---@param distance any a distance, or f32[n x n]
---@param options any
--- - `eps`: how far a neighbour may be, inclusive
--- - `min_samples`: how many neighbours, itself included, make an image the core of a cluster
---@return tensor # labels i32[n], -1 = outlier
---@return integer # the number of clusters, 0 when all are outliers
function M.dbscan(distance, options) end

--- k-means by euclidean distance (Lloyd 1982), from k-means++ seeds (Arthur and Vassilvitskii, SODA 2007); with a batch,
--- over mini-batches (Sculley 2010), for data of millions of rows.
---@param x any f32[n x d]
---@param options any
--- - `clusters`: 1 .. n; none is ever empty
--- - `iterations`: at most so many rounds
--- - `tolerance`: stop when the centroids move by no more than this part of the variance (scikit-learn's tol)
--- - `seed`: names the random choice of seeds
--- - `batch`: rows of a mini-batch (1024 is usual): `iterations` of them are drawn, and the tolerance plays no part; all rows every time where absent
---@return tensor # labels i32[n]
---@return table # centroids = f32[clusters x d], inertia = sum of squared distances, iterations = rounds done
function M.kmeans(x, options) end

--- The Jaccard distance of k-reciprocal neighbours (Zhong et al., CVPR 2017): small for images that
--- have each other's neighbours in common, 1 for images that share none. Sparse: memory grows with
--- n * k1, not with n * n.
---@param x any f32[n x d] features; cosines are taken, so that rows may have any length
---@param options any
--- - `k1`: entries of a row's list of neighbours that count, itself included; all rows where there are fewer
--- - `k2`: how many of the nearest rows a row's encoding is averaged over; at most k1, 1 for none
--- - `exact_reciprocal`: true: k1 neighbours besides the row itself, as in the paper; false: as in the field's code
---@return distance
function M.jaccard(x, options) end

--- The camera-aware Jaccard distance (CA-Jaccard; Chen et al., CVPR 2024): neighbours are looked for in the image's own
--- camera and, apart from them, in all others, so that images of its own camera, which look alike, cannot fill the
--- list. Sparse as calr.cluster.jaccard, and takes its place in everything. The authors' code looks at one neighbour
--- more of other cameras (k1_inter + 1), and fills up lists of cameras with too few images with others; here they end.
---@param x any f32[n x d] features; cosines are taken, so that rows may have any length
---@param cameras any i32[n], from 0
---@param options any
--- - `k1_intra`: neighbours of the own camera, besides the image itself
--- - `k1_inter`: neighbours of other cameras
--- - `k2_intra`: how many of the own camera an encoding is averaged over, itself the first; 1 .. k1_intra + 1
--- - `k2_inter`: and how many of the others; 0 .. k1_inter
---@return distance
function M.camera_jaccard(x, cameras, options) end

--- The distances of all pairs of rows, for what takes any distance. 4 n^2 bytes: calr.cluster.jaccard stays sparse.
--- Symmetric bit by bit; equal rows are at distance 0 (euclidean).
---@param x any f32[n x d]
---@param options any
--- - `metric`: "cosine" (1 - cos, 0 .. 2; a row of zeros is at 1 from all) or "euclidean"
---@return tensor # f32[n x n]
function M.distances(x, options) end

--- Connected components of the graph of nearest neighbours: images joined by any chain of similarities of at least
--- min_similarity. The cheapest clustering, and the one that a single wrong link leads furthest astray; mutual links
--- are the safer ones.
---@param x any f32[n x d], one row an image; or a table of neighbours {indices=i32[n x k], similarities=f32[n x k]}
---@param options any
--- - `k`: neighbours of each row, the row itself counted; all rows where there are fewer
--- - `min_similarity`: of a link; 0 or more, links of similarity 0 never count
--- - `mutual`: true: only links between images that are each among the other's neighbours
--- - `min_size`: smaller components become outliers
---@return tensor # labels i32[n], -1 for outliers
---@return integer # the number of clusters
function M.components(x, options) end

--- The same of distances: images joined by any chain of pairs that are at most t apart.
---@param distance any a distance, or f32[n x n]
---@param options any
--- - `within`: how far joined images may be apart: 0 or more; required
--- - `min_size`: smaller components become outliers
---@return tensor # labels i32[n], -1 for outliers
---@return integer # the number of clusters
function M.components_of(distance, options) end

--- Communities of the graph of nearest neighbours by Leiden (Traag et al. 2019): an undirected link for each neighbour
--- of similarity >= min_similarity, weights of both directions added; the resolution decides how
--- large clusters are. Images without a link, and clusters smaller than min_size, become outliers. The same seed gives
--- the same labels.
---@param x any f32[n x d], one row an image; or a table of neighbours {indices=i32[n x k], similarities=f32[n x k]}
---@param options any
--- - `k`: neighbours of each row, the row itself counted; all rows where there are fewer
--- - `min_similarity`: of a link; 0 or more, links of similarity 0 never count
--- - `min_size`: images of the smallest cluster that is kept
--- - `quality`: "modularity", or "potts": the constant Potts model, which finds small clusters in large data as well as in small ones
--- - `resolution`: above 0; more for smaller clusters. Potts: the least mean weight between the images of a cluster (0.1 to 1 for cosines; links that count both ways weigh double)
--- - `seed`: names the random order of the search
--- - `trials`: searches, of which the best is taken
---@return tensor # labels i32[n], -1 for outliers
---@return table # {quality = what was reached, communities = how many were found, clusters = how many of them were kept, edges = links}
function M.leiden(x, options) end

--- Density clusters, each at the density that suits it (HDBSCAN; Campello et al. 2013): no eps to choose. Agrees with
--- scikit-learn but where groups part at one and the same height: then all of them do, and what falls out is an
--- outlier, while scikit-learn leaves it with one of them.
---@param distance any a distance, or f32[n x n]
---@param options any
--- - `min_cluster_size`: images of the smallest group that is a cluster, 2 or more
--- - `min_samples`: neighbours, the image itself counted, that must be near for it to be in a dense place: more for fewer and surer clusters; as min_cluster_size where absent (the hdbscan package does not count the image)
--- - `epsilon`: clusters that part below this distance stay one; 0: none do
--- - `method`: "mass": the clusters that last longest over all densities; "leaves": the smallest ones
--- - `single`: true: all images may come out as one cluster; false: two at least, or none
---@return tensor # labels i32[n], -1 = outlier
---@return integer # the number of clusters
---@return tensor # f32[n]: how deep in its cluster each image is, 0 .. 1; 0 for outliers
---@return tensor # f32[n]: outlier scores (GLOSH; Campello et al. 2015), 0 .. 1, of all images: how much less dense the place of an image is than the densest of the cluster it falls out of; about 0 deep inside, near 1 far from all
function M.hdbscan(distance, options) end

--- The same of the distances between features. They are held while it runs, 4 n^2 bytes, up to 2 GiB; above that they
--- are computed again in each of some ten rounds, and memory grows with n only.
---@param x any f32[n x d]
---@param options any
--- - `metric`: "cosine" (1 - cos) or "euclidean"; the other options as for calr.cluster.hdbscan
---@return tensor # labels i32[n], -1 = outlier
---@return integer # the number of clusters
---@return tensor # f32[n]: how deep in its cluster each image is, 0 .. 1; 0 for outliers
---@return tensor # f32[n]: outlier scores (GLOSH; Campello et al. 2015), 0 .. 1, of all images: how much less dense the place of an image is than the densest of the cluster it falls out of; about 0 deep inside, near 1 far from all
function M.hdbscan_features(x, options) end

--- Clusters by Infomap (map equation; Rosvall and Bergstrom 2008) on the graph of nearest neighbours: an edge
--- i -> j of weight s for each neighbour j with cosine similarity s >= min_similarity. Images without an edge, and
--- clusters smaller than min_size, become outliers. When no edge is left, every label is -1 and info.edges is 0. The
--- same seed gives the same labels, for any number of threads.
---
--- With levels="many", modules may hold modules, in as many levels as make the code shorter (hierarchical map equation;
--- Rosvall and Bergstrom 2011). The labels are those of the finest level, or of the one that `level` names.
---
--- x may be features, whose neighbours are found first, or the result of calr.cluster.knn: {indices=i32[n x k],
--- similarities=f32[n x k]}, where an index of -1 is no neighbour and the option k is not looked at.
---
--- The second result holds: codelength, bits a step of the random walker; one_level, the same were everything one
--- module; modules, how many were found (at the level taken), and clusters, how many of them were kept; edges; and
--- scores=f32[n], how central an image is: the sum over its edges of 1/(d + mean d), d = 1 - similarity, the mean over
--- all neighbours found, its own place included; 0 without an edge.
---
--- For levels="many" it holds two more, whatever min_size says: levels, a list of i32[n], the modules of each level, the
--- coarsest first, -1 for an image without an edge; and tree=i32[modules x levels], for each module of the finest level
--- the one it lies in at each level, itself last. A module that is not divided at a level is there again at the next,
--- if under another number.
---@param x any f32[n x d], one row an image; or a table of neighbours
---@param options any
--- - `k`: neighbours of each row, the row itself counted; all rows where there are fewer
--- - `min_similarity`: 0 or more; edges of similarity 0 are never kept
--- - `min_size`: images of the smallest cluster that is kept
--- - `directed`: false: an edge counts both ways, weights add up
--- - `seed`: names the random order of the search
--- - `trials`: searches, of which the shortest code is taken
--- - `teleportation`: share of steps at which the random walker jumps; directed only
--- - `levels`: "two": modules and their images; "many": modules in modules too
--- - `level`: only with levels="many": 1, the coarsest, or more; the finest where there are fewer
---@return any # i32[n], from 0 in the order of first appearance, -1 for outliers
---@return table # {codelength=, one_level=, modules=, clusters=, edges=, scores=, levels=, tree=}
function M.infomap(x, options) end

--- An index for approximate neighbours among many rows: an inverted file with flat lists (IVF-flat; Jégou et al. 2011).
--- k-means cuts the space into cells, one a list, and a query looks into the few lists nearest to it: into `probes` of
--- them. What is found is scored exactly; what lies in other lists is missed. How much that is can be measured
--- (index:recall), and a search takes as many probes as the recall wanted needs. From about a hundred thousand rows on
--- it is worth its making.
---
---     local index = calr.cluster.ivf(features)
---     local near = index:search(nil, { k = 30, recall = .98 })
---     print(near.indices, near.similarities, near.recall, near.probes)
---@param x any f32[n x d]; the index holds on to it, and it must not be changed
---@param options any
--- - `metric`: "cosine" or "euclidean"
--- - `lists`: how many, n at most; 4 sqrt(n) where absent
--- - `sample`: rows that k-means sees, at least one a list; 32 a list where absent
--- - `seed`: of the sample and of k-means
--- - `copy`: keep a copy of the rows in the order of the lists, as large as x. Without it a search is slower: a little with many queries, several times with few
---@return index
function M.ivf(x, options) end

--- calr.cluster.agglomerative(distance, {distance=t, linkage="average"})
--- Merges the two nearest clusters (Lance and Williams 1967; found by chains of nearest neighbours, Murtagh 1983, Müllner
--- 2011) until as many as asked for are left, or until the nearest two
--- are at `distance` or more. All but single linkage hold all pairs while they run: 4 n^2
--- bytes. For several cuts of one tree, and for the tree itself: calr.cluster.linkage.
---@param distance any a distance, or f32[n x n]
---@param options any
--- - `clusters`: how many to leave, 1 .. n; either this or the option distance
--- - `linkage`: "average" (default), "complete", "single" or "ward": how far two clusters are apart; Ward's is meant for euclidean distances
---@return tensor # labels i32[n]
---@return integer # the number of clusters
function M.agglomerative(distance, options) end

--- The whole tree of merges (dendrogram), to be cut where you like.
---@param distance any a distance, or f32[n x n]
---@param options any
--- - `linkage`: "average", "complete", "single" or "ward"
---@return dendrogram
function M.linkage(distance, options) end

--- The tree of features: as of their distances (calr.cluster.distances), which need no memory beside the pairs that
--- merging holds (4 n^2 bytes).
---@param x any f32[n x d]
---@param options any
--- - `metric`: "euclidean" or "cosine" (1 - cos)
--- - `linkage`: "ward" (least growth of the squared distances to the centroids), "average", "complete" or "single"
---@return dendrogram
function M.linkage_features(x, options) end

--- How well each image fits its cluster (Rousseeuw 1987): -1 (nearer to another) .. 1; 0 for the only member of a
--- cluster. Outliers
--- (-1) take part nowhere; to score them as a cluster, give them a label of their own. A sparse
--- distance stays sparse.
---@param distance any a distance, or f32[n x n]
---@param labels any i32[n]
---@param options any
--- - `sample`: score so many images only, drawn at random, each against all others: an estimate of the mean without bias. All where absent, or where there are no more
--- - `seed`: names the draw
---@return number # the mean over all that are no outliers (and were drawn); nil when there are fewer than two clusters
---@return tensor # f32[n], one for each image, 0 for outliers, NaN for those not drawn; a message in place of it when the first is nil
function M.silhouette(distance, labels, options) end

--- The same of the distances between features, which are never held all at once.
---@param x any f32[n x d]
---@param labels any i32[n]
---@param options any
--- - `metric`: "cosine" (1 - cos) or "euclidean"
--- - `sample`: score so many images only, drawn at random, each against all others
--- - `seed`: names the draw
---@return number # the mean; nil when there are fewer than two clusters
---@return tensor # f32[n], 0 for outliers, NaN for those not drawn; a message in place of it when the first is nil
function M.silhouette_features(x, labels, options) end

--- The silhouette against centroids (Hruschka et al., 2004): how much nearer, by the cosine distance, each image is to
--- the mean direction of its own cluster than to the nearest other. -1 (nearer to another) .. 1; 0 for the only member
--- of a cluster. Outliers (-1) take part nowhere. It needs no distances between images, one matrix product only, so
--- it can be had in every epoch; and no identities, so it may choose one.
---@param x any f32[n x d] features; rows of any length
---@param labels any i32[n]
---@return number # the mean over all that are no outliers; nil when there are fewer than two clusters
---@return tensor # f32[n], one for each image, 0 for outliers; a message in place of it when the first is nil
function M.simplified_silhouette(x, labels) end

--- The Davies-Bouldin index (1979): how wide clusters are for the distance between their centroids, each against the
--- worst of the others, by euclidean distance. 0 is best. Outliers (-1) take no part.
---@param x any f32[n x d]
---@param labels any i32[n]
---@return number # nil when there are fewer than two clusters
---@return string # a message when the first is nil
function M.davies_bouldin(x, labels) end

return M
