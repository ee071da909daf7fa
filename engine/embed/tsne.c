#include "embed/tsne.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/size.h"
#include "embed/quadtree.h"

/* ---- the high-dimensional side ---- */

/* exp(-beta d^2) over its sum, for the beta that gives entropy log(perplexity). Squared distances are counted from the
 * nearest neighbour's, which changes no probability and keeps the largest at 1. */
static void condition_row(int64_t k, const float *distances, double perplexity, double *p)
{
    double nearest = distances[0];
    for (int64_t j = 1; j < k; j++)
        nearest = fmin(nearest, distances[j]);
    double wanted = log(perplexity), beta = 1, low = 0, high = INFINITY;
    for (int step = 0; step < 200; step++) {
        double sum = 0, weighted = 0;
        for (int64_t j = 0; j < k; j++) {
            double d2 = (double)distances[j] * distances[j] - nearest * nearest;
            p[j] = exp(-beta * d2);
            sum += p[j];
            weighted += d2 * p[j];
        }
        double entropy = log(sum) + beta * weighted / sum;
        for (int64_t j = 0; j < k; j++)
            p[j] /= sum;
        if (fabs(entropy - wanted) < 1e-7)
            return;
        if (entropy > wanted) {
            low = beta;
            beta = isinf(high) ? beta * 2 : (beta + high) / 2;
        } else {
            high = beta;
            beta = (beta + low) / 2;
        }
        if (!(beta < DBL_MAX / 4)) /* as many equal nearest neighbours as cannot be told apart */
            return;
    }
}

typedef struct conditional {
    int64_t k;
    const float *distances;
    double perplexity;
    double *p; /* [n x k] */
} conditional;

static void condition_rows(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    conditional *c = context;
    for (int64_t i = begin; i < end; i++)
        condition_row(c->k, c->distances + i * c->k, c->perplexity, c->p + i * c->k);
}

static calr_status check_neighbours(int64_t n, int64_t k, const int32_t *indices,
                                    const float *distances, double perplexity)
{
    if (n < 2 || n > INT32_MAX / 2 || k < 1 || k >= n)
        return calr_error(
            CALR_EINVAL,
            "t-SNE needs 2 to %d things and 1 to n - 1 neighbours of each, not %" PRId64
            " and %" PRId64,
            INT32_MAX / 2, n, k);
    if (!(perplexity >= 1 && perplexity <= (double)k))
        return calr_error(CALR_EINVAL,
                          "the perplexity must be 1 to %" PRId64
                          ", the number of neighbours, not %g",
                          k, perplexity);
    for (int64_t i = 0; i < n * k; i++) {
        if (indices[i] < 0 || indices[i] >= n || indices[i] == i / k)
            return calr_error(CALR_EINVAL,
                              "neighbour %" PRId64 " of thing %" PRId64 " is %" PRId32
                              ": another thing's number is wanted, 0 to %" PRId64,
                              i % k, i / k, indices[i], n - 1);
        if (!(distances[i] >= 0 && distances[i] <= FLT_MAX))
            return calr_error(CALR_ENUMERIC,
                              "the distance of thing %" PRId64 " to its neighbour %" PRId64
                              " is %g",
                              i / k, i % k, distances[i]);
    }
    return CALR_OK;
}

typedef struct entry {
    int32_t column;
    float value;
} entry;

static int compare_entries(const void *a, const void *b)
{
    int32_t x = ((const entry *)a)->column, y = ((const entry *)b)->column;
    return (x > y) - (x < y);
}

/* Both directions of every pair into rows, those of equal columns added up. */
static calr_status symmetrise(int64_t n, int64_t k, const int32_t *indices, const double *p,
                              calr_tsne_graph *graph)
{
    int64_t *starts = calr_array_zeros(n + 1, sizeof *starts);
    entry *entries = calr_array_new(2 * n * k, sizeof *entries);
    graph->offsets = calr_array_new(n + 1, sizeof *graph->offsets);
    graph->columns = calr_array_new(2 * n * k, sizeof *graph->columns);
    graph->values = calr_array_new(2 * n * k, sizeof *graph->values);
    bool made = starts && entries && graph->offsets && graph->columns && graph->values;
    if (made) {
        for (int64_t i = 0; i < n * k; i++) {
            starts[i / k + 1]++;
            starts[indices[i] + 1]++;
        }
        for (int64_t i = 0; i < n; i++)
            starts[i + 1] += starts[i];
        memcpy(graph->offsets, starts, (size_t)(n + 1) * sizeof *starts);
        double share = 1 / (2 * (double)n);
        for (int64_t i = 0; i < n * k; i++) {
            float value = (float)(p[i] * share);
            entries[starts[i / k]++] = (entry){indices[i], value};
            entries[starts[indices[i]]++] = (entry){(int32_t)(i / k), value};
        }
        int64_t used = 0;
        for (int64_t i = 0; i < n; i++) {
            int64_t begin = graph->offsets[i], end = graph->offsets[i + 1], first = used;
            qsort(entries + begin, (size_t)(end - begin), sizeof *entries, compare_entries);
            graph->offsets[i] = first;
            for (int64_t e = begin; e < end; e++) {
                if (used > first && graph->columns[used - 1] == entries[e].column) {
                    graph->values[used - 1] += entries[e].value;
                } else {
                    graph->columns[used] = entries[e].column;
                    graph->values[used++] = entries[e].value;
                }
            }
        }
        graph->offsets[n] = used;
    }
    free(starts);
    free(entries);
    return made ? CALR_OK : calr_error(CALR_ENOMEM, "there is no memory for t-SNE's graph");
}

calr_status calr_tsne_similarities(int64_t n, int64_t k, const int32_t *indices,
                                   const float *distances, double perplexity,
                                   calr_tsne_graph *graph)
{
    *graph = (calr_tsne_graph){.n = n};
    CALR_TRY(check_neighbours(n, k, indices, distances, perplexity));
    conditional c = {k, distances, perplexity, calr_array_new(n * k, sizeof *c.p)};
    if (!c.p)
        return calr_error(CALR_ENOMEM, "there is no memory for t-SNE's graph");
    calr_status status = calr_parallel_try(n, 256, condition_rows, &c);
    if (status == CALR_OK)
        status = symmetrise(n, k, indices, c.p, graph);
    free(c.p);
    if (status != CALR_OK)
        calr_tsne_graph_free(graph);
    return status;
}

void calr_tsne_graph_free(calr_tsne_graph *graph)
{
    free(graph->offsets);
    free(graph->columns);
    free(graph->values);
    *graph = (calr_tsne_graph){0};
}

/* ---- the plane ---- */

typedef struct layout {
    const calr_tsne_graph *graph;
    const float *y;
    calr_quadtree tree;
    float theta;
    float *attraction, *repulsion; /* [n x 2] */
    double *sums;                  /* [n] of q, by place in the tree */
    double *costs; /* [n] of p log(p / q), without the normaliser of q; NULL: not wanted */
} layout;

static void repel(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    layout *l = context;
    for (int64_t at = begin; at < end; at++) {
        int32_t i = l->tree.order[at];
        l->sums[at] =
            calr_quadtree_repulsion(&l->tree, at, l->theta, l->repulsion + 2 * (int64_t)i);
    }
}

static void attract(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    layout *l = context;
    const calr_tsne_graph *g = l->graph;
    for (int64_t i = begin; i < end; i++) {
        float x = l->y[2 * i], y = l->y[2 * i + 1];
        double force_x = 0, force_y = 0, cost = 0;
        for (int64_t e = g->offsets[i]; e < g->offsets[i + 1]; e++) {
            const float *other = l->y + 2 * (int64_t)g->columns[e];
            float dx = x - other[0], dy = y - other[1], d2 = dx * dx + dy * dy, p = g->values[e];
            float pull = p / (1.0f + d2);
            force_x += pull * dx;
            force_y += pull * dy;
            if (l->costs && p > 0)
                cost += p * (log(p) + log1p(d2));
        }
        l->attraction[2 * i] = (float)force_x;
        l->attraction[2 * i + 1] = (float)force_y;
        if (l->costs)
            l->costs[i] = cost;
    }
}

static void layout_free(layout *l)
{
    calr_quadtree_free(&l->tree);
    free(l->attraction);
    free(l->repulsion);
    free(l->sums);
    free(l->costs);
}

static calr_status layout_new(const calr_tsne_graph *graph, double theta, layout *l)
{
    int64_t n = graph->n;
    if (!(theta >= 0 && theta <= 0.7))
        return calr_error(CALR_EINVAL, "theta must be 0 to 0.7, not %g", theta);
    *l = (layout){.graph = graph, .theta = (float)theta};
    CALR_TRY(calr_quadtree_new(n, &l->tree));
    l->attraction = calr_array_new(2 * n, sizeof(float));
    l->repulsion = calr_array_new(2 * n, sizeof(float));
    l->sums = calr_array_new(n, sizeof(double));
    if (l->attraction && l->repulsion && l->sums)
        return CALR_OK;
    layout_free(l);
    return calr_error(CALR_ENOMEM, "there is no memory for a layout of %" PRId64 " points", n);
}

/* Forces at y; *normaliser: the sum of q over all pairs; *divergence may be NULL. */
static calr_status find_forces(layout *l, const float *y, double *normaliser, double *divergence)
{
    int64_t n = l->graph->n;
    for (int64_t i = 0; i < 2 * n; i++)
        if (!isfinite(y[i]))
            return calr_error(CALR_ENUMERIC,
                              "point %" PRId64 " of the layout is %g: lower the learning rate",
                              i / 2, y[i]);
    if (divergence && !l->costs && !(l->costs = calr_array_new(n, sizeof(double))))
        return calr_error(CALR_ENOMEM, "there is no memory for a layout of %" PRId64 " points", n);
    l->y = y;
    calr_quadtree_build(&l->tree, y);
    CALR_TRY(calr_parallel_try(n, 256, repel, l));
    CALR_TRY(calr_parallel_try(n, 256, attract, l));
    double sum = 0, cost = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += l->sums[i];
        cost += l->costs ? l->costs[i] : 0;
    }
    *normaliser = sum;
    if (divergence)
        *divergence = cost + log(sum);
    return CALR_OK;
}

static double gradient_at(const layout *l, int64_t i, double exaggeration, double normaliser)
{
    return 4 * (exaggeration * l->attraction[i] - l->repulsion[i] / normaliser);
}

calr_status calr_tsne_gradient(const calr_tsne_graph *graph, const float *y, double theta,
                               double exaggeration, float *gradient, double *divergence)
{
    layout l;
    double normaliser = 1;
    CALR_TRY(layout_new(graph, theta, &l));
    calr_status status = find_forces(&l, y, &normaliser, divergence);
    for (int64_t i = 0; status == CALR_OK && i < 2 * graph->n; i++)
        gradient[i] = (float)gradient_at(&l, i, exaggeration, normaliser);
    layout_free(&l);
    return status;
}

static void centre(int64_t n, float *y)
{
    double x_sum = 0, y_sum = 0;
    for (int64_t i = 0; i < n; i++) {
        x_sum += y[2 * i];
        y_sum += y[2 * i + 1];
    }
    for (int64_t i = 0; i < n; i++) {
        y[2 * i] -= (float)(x_sum / (double)n);
        y[2 * i + 1] -= (float)(y_sum / (double)n);
    }
}

static void take_step(const layout *l, const calr_tsne_phase *phase, double normaliser, float *y,
                      float *velocity, float *gains)
{
    for (int64_t i = 0; i < 2 * l->graph->n; i++) {
        double slope = gradient_at(l, i, phase->exaggeration, normaliser);
        float gain = slope * velocity[i] < 0 ? gains[i] + 0.2f : gains[i] * 0.8f;
        gains[i] = fmaxf(gain, 0.01f);
        velocity[i] =
            (float)(phase->momentum * velocity[i] - phase->learning_rate * gains[i] * slope);
        y[i] += velocity[i];
    }
    centre(l->graph->n, y);
}

calr_status calr_tsne_descend(const calr_tsne_graph *graph, const calr_tsne_phase *phase, float *y,
                              float *velocity, float *gains, double *divergence)
{
    if (phase->iterations < 0 || !(phase->learning_rate > 0) || !isfinite(phase->learning_rate) ||
        !(phase->exaggeration > 0) || !isfinite(phase->exaggeration) ||
        !(phase->momentum >= 0 && phase->momentum <= 1))
        return calr_error(CALR_EINVAL,
                          "t-SNE needs 0 or more iterations, a learning rate and an exaggeration "
                          "above 0, and a momentum of 0 to 1");
    layout l;
    CALR_TRY(layout_new(graph, phase->theta, &l));
    calr_status status = CALR_OK;
    for (int64_t step = 0; status == CALR_OK && step < phase->iterations; step++) {
        double normaliser = 1;
        /* The divergence costs two logarithms for each pair: it is only found where it is given back. */
        bool last = step + 1 == phase->iterations;
        status = find_forces(&l, y, &normaliser, last ? divergence : NULL);
        if (status == CALR_OK)
            take_step(&l, phase, normaliser, y, velocity, gains);
    }
    layout_free(&l);
    return status;
}
