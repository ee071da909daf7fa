#include "cluster/linkage_chains.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/clones.h"
#include "base/size.h"
#include "tensor/pool.h"

/* ---- pairs ---- */

calr_status calr_pairs_new(int64_t n, calr_pairs *out)
{
    int64_t pairs;
    calr_pairs p = {.n = n, .square = n <= CALR_PAIRS_SQUARE};
    if (__builtin_mul_overflow(n, n - 1, &pairs))
        return calr_error(CALR_ENOMEM,
                          "the pairs of %" PRId64 " things are more than can be addressed", n);
    if (p.square) {
        void *block;
        CALR_TRY(calr_pool_alloc((size_t)(n * n) * sizeof(double), &block));
        p.values = block;
    } else {
        p.values = calr_array_new(pairs / 2, sizeof(double));
    }
    if (!p.values)
        return calr_error(CALR_ENOMEM,
                          "out of memory for linkage: the pairs of %" PRId64 " things take %.1f GB",
                          n, 4e-9 * (double)n * (double)n);
    *out = p;
    return CALR_OK;
}

void calr_pairs_free(calr_pairs *p)
{
    if (p->square)
        calr_pool_free(p->values, (size_t)(p->n * p->n) * sizeof(double));
    else
        free(p->values);
    p->values = NULL;
}

/* ---- chains ---- */

typedef struct chains {
    calr_pairs t;
    calr_linkage_method method;
    int32_t *alive; /* [living] numbers of the clusters still there, ascending; a cluster is named
                       by one member */
    int64_t living;
    double *gone;   /* [n] 0 for them, infinity for others */
    int32_t *size;  /* [n] */
    int32_t *chain; /* [n] */
    int64_t length;
} chains;

/* The lowest number of the least of row + gone, x left out; infinity and -1 where there is none. */
CALR_CLONES static int64_t least_of(const double *row, const double *gone, int64_t n, int64_t x,
                                    double *least)
{
    double low = INFINITY;
#pragma omp simd reduction(min : low)
    for (int64_t i = 0; i < x; i++)
        low = row[i] + gone[i] < low ? row[i] + gone[i] : low;
#pragma omp simd reduction(min : low)
    for (int64_t i = x + 1; i < n; i++)
        low = row[i] + gone[i] < low ? row[i] + gone[i] : low;
    *least = low;
    for (int64_t i = 0; low < INFINITY && i < n; i++)
        if (row[i] + gone[i] == low && i != x)
            return i;
    return -1;
}

/* The cluster nearest to x; the one before x in the chain wins a tie, so that chains end, then the
 * lowest. */
static int64_t nearest(const chains *c, int64_t x, int64_t previous, double *height)
{
    int64_t n = c->t.n, best = previous;
    double least = previous >= 0 ? *calr_pair(&c->t, x, previous) : INFINITY;
    const double *row = calr_pairs_row(&c->t, x);
    if (c->t.square) {
        int64_t first = least_of(row, c->gone, n, x, height);
        if (first >= 0 && (*height < least || previous < 0))
            return first;
        *height = least;
        return previous;
    }
    int64_t p = 0;
    for (; c->alive[p] < x; p++) {
        double d = calr_pairs_row(&c->t, c->alive[p])[x];
        if (d < least) {
            least = d;
            best = c->alive[p];
        }
    }
    for (p++; p < c->living; p++) {
        double d = row[c->alive[p]];
        if (d < least) {
            least = d;
            best = c->alive[p];
        }
    }
    *height = least;
    return best;
}

static void forget(chains *c, int64_t x)
{
    int64_t low = 0, high = c->living - 1;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (c->alive[middle] < x)
            low = middle + 1;
        else
            high = middle;
    }
    for (int64_t p = low; p + 1 < c->living; p++)
        c->alive[p] = c->alive[p + 1];
    c->living--;
    c->gone[x] = INFINITY;
}

/* Ward: from the distances of clusters of nx and ny things to one of n, and `apart` between them. */
static double ward(double dx, double nx, double dy, double ny, double apart, double n)
{
    double square = ((n + nx) * dx * dx + (n + ny) * dy * dy - n * apart * apart) / (n + nx + ny);
    return square > 0 ? sqrt(square) : 0; /* rounding, or distances that no space has */
}

/* How far a cluster is from what x and y make, which are dx and dy away (Lance and Williams' update). */
static inline double joined(const chains *c, double dx, double nx, double dy, double ny,
                            double apart, int64_t i)
{
    if (c->method == CALR_LINKAGE_COMPLETE)
        return dx > dy ? dx : dy;
    if (c->method == CALR_LINKAGE_WARD)
        return ward(dx, nx, dy, ny, apart, c->size[i]);
    return (nx * dx + ny * dy) / (nx + ny);
}

/* x goes into y, y > x, which were `apart`. */
static void join(chains *c, int64_t x, int64_t y, double apart)
{
    double nx = c->size[x], ny = c->size[y];
    forget(c, x);
    const double *row_x = calr_pairs_row(&c->t, x);
    double *row_y = calr_pairs_row(&c->t, y);
    for (int64_t p = 0; p < c->living; p++) {
        int64_t i = c->alive[p];
        if (i == y)
            continue;
        if (c->t.square) {
            row_y[i] = joined(c, row_x[i], nx, row_y[i], ny, apart, i);
            calr_pairs_row(&c->t, i)[y] = row_y[i];
        } else {
            double *dy = calr_pair(&c->t, i, y);
            *dy = joined(c, *calr_pair(&c->t, i, x), nx, *dy, ny, apart, i);
        }
    }
    c->size[y] += c->size[x];
}

static void run_chains(chains *c, calr_merge *merges)
{
    for (int64_t m = 0; m + 1 < c->t.n; m++) {
        if (c->length == 0)
            c->chain[c->length++] = c->alive[0];
        for (;;) {
            int64_t x = c->chain[c->length - 1],
                    previous = c->length > 1 ? c->chain[c->length - 2] : -1;
            double height;
            int64_t y = nearest(c, x, previous, &height);
            if (y == previous) {
                int64_t low = x < y ? x : y, high = x < y ? y : x;
                merges[m] = (calr_merge){(int32_t)low, (int32_t)high, height};
                join(c, low, high, height);
                c->length -= 2;
                break;
            }
            c->chain[c->length++] = (int32_t)y;
        }
    }
}

calr_status calr_linkage_chains(calr_pairs *pairs, calr_linkage_method method, calr_merge *merges)
{
    int64_t n = pairs->n;
    chains c = {.t = *pairs, .method = method, .living = n};
    c.gone = calr_array_zeros(n, sizeof *c.gone);
    c.alive = calr_array_new(n, sizeof *c.alive);
    c.size = calr_array_new(n, sizeof *c.size);
    c.chain = calr_array_new(n, sizeof *c.chain);
    calr_status status = CALR_OK;
    if (c.gone && c.alive && c.size && c.chain) {
        for (int64_t i = 0; i < n; i++) {
            c.alive[i] = (int32_t)i;
            c.size[i] = 1;
        }
        run_chains(&c, merges);
    } else {
        status = calr_error(CALR_ENOMEM, "out of memory for linkage of %" PRId64 " things", n);
    }
    free(c.gone);
    free(c.alive);
    free(c.size);
    free(c.chain);
    return status;
}
