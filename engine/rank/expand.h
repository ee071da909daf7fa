/* Query expansion: a query's features become the weighted mean of its own and those of its nearest gallery
 * entries. Average query expansion: Chum et al., "Total recall", ICCV 2007 (alpha = 0); alpha query
 * expansion: Radenovic, Tolias, Chum, "Fine-tuning CNN image retrieval with no human annotation", TPAMI
 * 2019 (weights cos^alpha). Applied to the gallery itself: database-side augmentation (Arandjelovic
 * and Zisserman, CVPR 2012). No table of all pairs: lists of k neighbours, found in tiles. */
#ifndef CALR_RANK_EXPAND_H
#define CALR_RANK_EXPAND_H

#include <stdint.h>

#include "base/status.h"
#include "rank/rank.h"

/* out[queries x dim], rows of length 1: normalise(f + sum over the k nearest entries g of max(0, cos(f, g))
 * ^ alpha g), 0^0 = 1. Both sets unit features (CALR_EINVAL names the first row that is not, within
 * 0.001); identities and cameras are ignored. When both sets are the same features, an entry is not
 * its own neighbour. k >= 1; fewer if the gallery is smaller. A sum of 0 stays 0. CALR_ENUMERIC:
 * NaN or infinity; CALR_ENOMEM. The same bits for any number of threads. */
calr_status calr_rank_expand(const calr_rank_set *query, const calr_rank_set *gallery, int64_t dim,
                             int64_t k, double alpha, float *out);

#endif
