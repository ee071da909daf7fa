/* Scores of queries against the whole gallery, some queries at a time. Internal to rank/. */
#ifndef CALR_RANK_TILES_H
#define CALR_RANK_TILES_H

#include <stdint.h>

#include "base/status.h"
#include "rank/rank.h"

/* `score`[gallery] of query row i: q.g - |g|^2/2, so that a higher score is a smaller euclidean distance, but for the
 * rounding of f32: see below. The callee may write to it. `worker` is that of calr_parallel_try. */
typedef void (*calr_rank_visit)(void *context, int64_t i, float *score, int worker);

/* Visits every query once, in parallel, in any order. `norms`[gallery] holds |g|^2 / 2. */
calr_status calr_rank_tiles(const calr_rank_set *query, const calr_rank_set *gallery, int64_t dim,
                            const float *norms, calr_rank_visit visit, void *context);

/* Half the squared lengths of the rows (norms may be NULL: only checks); CALR_ENUMERIC names the
 * first row (of `what`) that is not made of ordinary numbers. */
calr_status calr_rank_norms(const char *what, const calr_rank_set *set, int64_t dim, float *norms);

/* Decides between entries whose scores are too close (docs/decisions/exact-distances.md): their
 * distances in double precision. */
typedef struct calr_rank_exact {
    const calr_rank_set *query, *gallery;
    int64_t dim;
    const float *norms; /* [gallery] half the squared lengths */
    float longest;      /* the largest of them */
} calr_rank_exact;

calr_rank_exact calr_rank_exact_make(const calr_rank_set *query, const calr_rank_set *gallery,
                                     int64_t dim, const float *norms);

/* How far a score of query i may be from that of its true distance: a.length + b.length^2 + c of an entry. */
typedef struct calr_rank_margin {
    double own; /* squared length of the query */
    double a, b, c;
    double widest; /* of all entries */
} calr_rank_margin;

calr_rank_margin calr_rank_margin_make(const calr_rank_exact *exact, int64_t i);
double calr_rank_margin_of(const calr_rank_margin *margin, float norm);

double calr_rank_distance(const calr_rank_exact *exact, int64_t i, int64_t j);

#endif
