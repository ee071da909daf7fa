/* t-SNE in the plane: van der Maaten and Hinton, "Visualizing data using t-SNE", JMLR 9, 2008; with Barnes and Hut's
 * approximation: van der Maaten, "Accelerating t-SNE using tree-based algorithms", JMLR 15, 2014. The schedule (phases,
 * learning rate) is the caller's. */
#ifndef CALR_EMBED_TSNE_H
#define CALR_EMBED_TSNE_H

#include <stdint.h>

#include "base/status.h"

/* A symmetric sparse matrix, n x n, without a diagonal; all values together sum to 1. */
typedef struct calr_tsne_graph {
    int64_t n;
    int64_t *offsets; /* [n + 1] */
    int32_t *columns; /* ascending in each row */
    float *values;
} calr_tsne_graph;

/* Joint probabilities p_ij of the high-dimensional side, from each thing's nearest neighbours: conditional ones by a
 * gaussian whose width gives the perplexity (JMLR 2008, section 2), then p_ij = (p_j|i + p_i|j) / 2n.
 *   indices[n x k]    neighbours without the thing itself, 0 .. n-1
 *   distances[n x k]  euclidean, 0 or more
 *   perplexity        1 .. k
 * The same for any number of threads. CALR_EINVAL: sizes, perplexity, an index out of range or the thing itself;
 * CALR_ENUMERIC: a distance that is negative or not finite; CALR_ENOMEM, CALR_EINTERRUPTED. */
calr_status calr_tsne_similarities(int64_t n, int64_t k, const int32_t *indices,
                                   const float *distances, double perplexity,
                                   calr_tsne_graph *graph);

void calr_tsne_graph_free(calr_tsne_graph *graph);

typedef struct calr_tsne_phase {
    int64_t iterations;
    double exaggeration; /* of the attraction */
    double momentum;     /* 0 .. 1 */
    double learning_rate;
    double theta; /* 0 .. 0.7: of the approximation; 0 is exact */
} calr_tsne_phase;

/* Gradient descent with the adaptive gains of JMLR 2008, section 3.4.
 *   y, velocity, gains [n x 2]  changed in place; velocity begins with 0, gains with 1. y stays centred
 *   *divergence                 of the layout before the last step, KL(P || Q) without exaggeration; may be NULL
 * The same bits for any number of threads. CALR_ENUMERIC: the layout has left the range of numbers; CALR_EINVAL,
 * CALR_ENOMEM, CALR_EINTERRUPTED (y is then that of the last whole step). */
calr_status calr_tsne_descend(const calr_tsne_graph *graph, const calr_tsne_phase *phase, float *y,
                              float *velocity, float *gains, double *divergence);

/* The gradient [n x 2] of the divergence, and the divergence itself (may be NULL); `exaggeration` times the attraction.
 * Errors as above. */
calr_status calr_tsne_gradient(const calr_tsne_graph *graph, const float *y, double theta,
                               double exaggeration, float *gradient, double *divergence);

#endif
