#include "cluster/linkage_chains.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/clones.h"
#include "base/interrupt.h"
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

/* The lowest number of the least of row + gone; infinity and -1 where there is none. */
CALR_CLONES static int64_t least_of(const double *row, const double *gone, int64_t n, double *least)
{
    enum { BLOCK = 256 };
    int64_t best = -1;
    *least = INFINITY;
    for (int64_t begin = 0; begin < n; begin += BLOCK) {
        int64_t end = begin + BLOCK < n ? begin + BLOCK : n;
        double low = INFINITY;
#pragma omp simd reduction(min : low)
        for (int64_t i = begin; i < end; i++)
            low = row[i] + gone[i] < low ? row[i] + gone[i] : low;
        if (low < *least) {
            *least = low;
            best = begin;
        }
    }
    while (best >= 0 && row[best] + gone[best] != *least)
        best++;
    return best;
}

/* The cluster nearest to x; the one before x in the chain wins a tie, so that chains end, then the
 * lowest. */
static int64_t nearest(const chains *c, int64_t x, int64_t previous, double *height)
{
    int64_t n = c->t.n, best = previous;
    double least = previous >= 0 ? *calr_pair(&c->t, x, previous) : INFINITY;
    const double *row = calr_pairs_row(&c->t, x);
    if (c->t.square) {
        c->gone[x] = INFINITY;
        int64_t first = least_of(row, c->gone, n, height);
        c->gone[x] = 0;
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
static inline double ward(double dx, double nx, double dy, double ny, double apart, double n)
{
    double square = ((n + nx) * dx * dx + (n + ny) * dy * dy - n * apart * apart) / (n + nx + ny);
    return square > 0 ? sqrt(square) : 0; /* rounding, or distances that no space has */
}

/* The row of what x and y make, from theirs (Lance and Williams' update); those of clusters that are
 * gone come along. */
CALR_CLONES static void join_rows(const chains *c, const double *dx, double nx, double *dy,
                                  double ny, double apart)
{
    int64_t n = c->t.n;
    double sum = nx + ny;
    if (c->method == CALR_LINKAGE_COMPLETE)
        for (int64_t i = 0; i < n; i++)
            dy[i] = dx[i] > dy[i] ? dx[i] : dy[i];
    else if (c->method == CALR_LINKAGE_WARD)
        for (int64_t i = 0; i < n; i++)
            dy[i] = ward(dx[i], nx, dy[i], ny, apart, c->size[i]);
    else
        for (int64_t i = 0; i < n; i++)
            dy[i] = (nx * dx[i] + ny * dy[i]) / sum;
}

/* The same in a triangle, pair by pair. */
static void join_pairs(const chains *c, int64_t x, double nx, int64_t y, double ny, double apart)
{
    for (int64_t p = 0; p < c->living; p++) {
        int64_t i = c->alive[p];
        if (i == y)
            continue;
        double dx = *calr_pair(&c->t, i, x), *dy = calr_pair(&c->t, i, y);
        if (c->method == CALR_LINKAGE_COMPLETE)
            *dy = fmax(dx, *dy);
        else if (c->method == CALR_LINKAGE_WARD)
            *dy = ward(dx, nx, *dy, ny, apart, c->size[i]);
        else
            *dy = (nx * dx + ny * *dy) / (nx + ny);
    }
}

/* x goes into y, y > x, which were `apart`. */
static void join(chains *c, int64_t x, int64_t y, double apart)
{
    double nx = c->size[x], ny = c->size[y];
    forget(c, x);
    if (c->t.square) {
        double *row = calr_pairs_row(&c->t, y), *column = c->t.values + y;
        join_rows(c, calr_pairs_row(&c->t, x), nx, row, ny, apart);
        for (int64_t p = 0; p < c->living; p++)
            column[c->alive[p] * c->t.n] = row[c->alive[p]];
    } else {
        join_pairs(c, x, nx, y, ny, apart);
    }
    c->size[y] += c->size[x];
}

static calr_status run_chains(chains *c, calr_merge *merges)
{
    for (int64_t m = 0; m + 1 < c->t.n; m++) {
        if (c->length == 0)
            c->chain[c->length++] = c->alive[0];
        for (;;) {
            int64_t x = c->chain[c->length - 1],
                    previous = c->length > 1 ? c->chain[c->length - 2] : -1;
            double height;
            CALR_TRY(calr_interrupt_check());
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
    return CALR_OK;
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
        status = run_chains(&c, merges);
    } else {
        status = calr_error(CALR_ENOMEM, "out of memory for linkage of %" PRId64 " things", n);
    }
    free(c.gone);
    free(c.alive);
    free(c.size);
    free(c.chain);
    return status;
}
