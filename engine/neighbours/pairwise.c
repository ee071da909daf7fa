#include "neighbours/pairwise.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "base/parallel.h"
#include "base/size.h"

enum { TILE = CALR_PAIRWISE_ROWS, GRAIN = 64 };

/* Squared distances below this part of the squared lengths are measured again. */
static const float NEAR = 1e-3f;

struct calr_pairwise {
    const calr_backend *backend;
    const float *x; /* as given */
    int64_t n, d, tiles;
    calr_metric metric;
    float *rows;    /* [tiles * TILE x d] centred or unit rows, then zeros */
    float *square;  /* [tiles * TILE] squared lengths of the centred rows */
    double *centre; /* [d] */
    int64_t *bad;   /* [chunks] first row of a chunk that is not finite, or -1 */
};

/* ---- preparation ---- */

static void copy_rows(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    calr_pairwise *p = context;
    int64_t bad = -1, d = p->d;
    for (int64_t i = begin; i < end; i++) {
        const float *row = p->x + i * d;
        float *to = p->rows + i * d;
        double sum = 0, scale = 1;
        for (int64_t c = 0; c < d; c++) {
            double v = row[c] - p->centre[c];
            sum += v * v;
        }
        if (!(sum < FLT_MAX / 4) && bad < 0)
            bad = i;
        if (p->metric == CALR_COSINE)
            scale = sum > 0 ? 1 / sqrt(sum) : 0;
        for (int64_t c = 0; c < d; c++)
            to[c] = (float)((row[c] - p->centre[c]) * scale);
        p->square[i] = (float)sum;
    }
    p->bad[begin / GRAIN] = bad;
}

/* Centring takes a common offset off, whose squares would cost digits. Cosines are of rows as given. */
static void find_centre(calr_pairwise *p)
{
    if (p->metric == CALR_COSINE)
        return;
    for (int64_t i = 0; i < p->n; i++)
        for (int64_t c = 0; c < p->d; c++)
            p->centre[c] += p->x[i * p->d + c];
    for (int64_t c = 0; c < p->d; c++) {
        p->centre[c] /= (double)(p->n ? p->n : 1);
        if (!isfinite(p->centre[c])) /* the check of the rows says which */
            p->centre[c] = 0;
    }
}

static calr_status prepare(calr_pairwise *p)
{
    int64_t padded = p->tiles * TILE, chunks = (p->n + GRAIN - 1) / GRAIN, count;
    if (!__builtin_mul_overflow(padded, p->d, &count))
        p->rows = calr_array_new(count, sizeof *p->rows);
    p->square = calr_array_zeros(padded, sizeof *p->square);
    p->centre = calr_array_zeros(p->d, sizeof *p->centre);
    p->bad = calr_array_new(chunks, sizeof *p->bad);
    if (!p->rows || !p->square || !p->centre || !p->bad)
        return calr_error(CALR_ENOMEM,
                          "out of memory for a copy of %" PRId64 " x %" PRId64 " features", p->n,
                          p->d);
    memset(p->rows + p->n * p->d, 0, (size_t)((padded - p->n) * p->d) * sizeof *p->rows);
    find_centre(p);
    calr_parallel_for(p->n, GRAIN, copy_rows, p);
    for (int64_t c = 0; c < chunks; c++)
        if (p->bad[c] >= 0)
            return calr_error(CALR_ENUMERIC,
                              "row %" PRId64
                              " (from 0) holds a NaN, an infinity or numbers too large to square",
                              p->bad[c]);
    return CALR_OK;
}

calr_status calr_pairwise_new(const float *x, int64_t n, int64_t d, calr_metric metric,
                              calr_pairwise **out)
{
    if (n < 0 || n > INT32_MAX || d < 1)
        return calr_error(CALR_EINVAL,
                          "distances need rows of at least one number, not %" PRId64 " x %" PRId64,
                          n, d);
    calr_pairwise *p = calr_array_zeros(1, sizeof *p);
    if (!p)
        return calr_error(CALR_ENOMEM, "out of memory for distances");
    *p = (calr_pairwise){.x = x, .n = n, .d = d, .tiles = (n + TILE - 1) / TILE, .metric = metric};
    calr_status status = calr_backend_get(&p->backend);
    if (status == CALR_OK)
        status = prepare(p);
    if (status == CALR_OK)
        *out = p;
    else
        calr_pairwise_release(p);
    return status;
}

void calr_pairwise_release(calr_pairwise *p)
{
    if (!p)
        return;
    free(p->rows);
    free(p->square);
    free(p->centre);
    free(p->bad);
    free(p);
}

/* ---- distances ---- */

static float measure(const calr_pairwise *p, int64_t i, int64_t j)
{
    const float *a = p->x + i * p->d, *b = p->x + j * p->d;
    double sum = 0;
    for (int64_t c = 0; c < p->d; c++) {
        double v = (double)a[c] - b[c];
        sum += v * v;
    }
    return (float)sqrt(sum);
}

static float distance_of(const calr_pairwise *p, int64_t i, int64_t j, float product)
{
    if (i == j)
        return 0;
    if (p->metric == CALR_COSINE)
        return 1 - (product > 1 ? 1 : product < -1 ? -1 : product);
    float both = p->square[i] + p->square[j], square = both - 2 * product;
    return square < NEAR * both ? measure(p, i, j) : sqrtf(square);
}

int64_t calr_pairwise_scratch(const calr_pairwise *p)
{
    return (int64_t)TILE * (p->d + TILE);
}

void calr_pairwise_rows(const calr_pairwise *p, const int64_t *which, int64_t count, float *scratch,
                        float *out)
{
    float *gathered = scratch, *products = scratch + TILE * p->d;
    for (int64_t r = 0; r < count; r++)
        memcpy(gathered + r * p->d, p->rows + which[r] * p->d, (size_t)p->d * sizeof *gathered);
    memset(gathered + count * p->d, 0, (size_t)((TILE - count) * p->d) * sizeof *gathered);
    for (int64_t tile = 0; tile < p->tiles; tile++) {
        int64_t first = tile * TILE, columns = p->n - first < TILE ? p->n - first : TILE;
        p->backend->gemm(false, true, TILE, TILE, p->d, 1, gathered, p->d, p->rows + first * p->d,
                         p->d, 0, products, TILE);
        for (int64_t r = 0; r < count; r++)
            for (int64_t c = 0; c < columns; c++)
                out[r * p->n + first + c] =
                    distance_of(p, which[r], first + c, products[r * TILE + c]);
    }
}

void calr_pairwise_tile(const calr_pairwise *p, int64_t row, int64_t column, float *out)
{
    p->backend->gemm(false, true, TILE, TILE, p->d, 1, p->rows + row * TILE * p->d, p->d,
                     p->rows + column * TILE * p->d, p->d, 0, out, TILE);
    for (int64_t r = 0; r < TILE && row * TILE + r < p->n; r++)
        for (int64_t c = row == column ? r : 0; c < TILE && column * TILE + c < p->n; c++) {
            out[r * TILE + c] =
                distance_of(p, row * TILE + r, column * TILE + c, out[r * TILE + c]);
            if (row == column)
                out[c * TILE + r] = out[r * TILE + c];
        }
}

/* ---- all pairs ---- */

typedef struct all {
    const calr_pairwise *pairwise;
    float *products; /* [threads x TILE x TILE] */
    float *out;
} all;

/* Rows of tiles begin .. end-1, from the diagonal on; each pair is written to both of its places. */
static void fill_tiles(void *context, int64_t begin, int64_t end, int worker)
{
    const all *a = context;
    const calr_pairwise *p = a->pairwise;
    float *products = a->products + (int64_t)worker * TILE * TILE;
    for (int64_t row = begin; row < end && row < p->tiles; row++) {
        for (int64_t column = row; column < p->tiles; column++) {
            p->backend->gemm(false, true, TILE, TILE, p->d, 1, p->rows + row * TILE * p->d, p->d,
                             p->rows + column * TILE * p->d, p->d, 0, products, TILE);
            for (int64_t r = 0; r < TILE && row * TILE + r < p->n; r++) {
                int64_t i = row * TILE + r;
                for (int64_t c = row == column ? r : 0; c < TILE && column * TILE + c < p->n; c++) {
                    int64_t j = column * TILE + c;
                    float d = distance_of(p, i, j, products[r * TILE + c]);
                    a->out[i * p->n + j] = d;
                    a->out[j * p->n + i] = d;
                }
            }
        }
    }
}

calr_status calr_pairwise_all(const float *x, int64_t n, int64_t d, calr_metric metric, float *out)
{
    calr_pairwise *p;
    CALR_TRY(calr_pairwise_new(x, n, d, metric, &p));
    all a = {p, calr_array_new(calr_parallel_threads(), sizeof(float) * TILE * TILE), out};
    calr_status status = CALR_OK;
    if (a.products)
        calr_parallel_for(p->tiles + 1, 1, fill_tiles, &a); /* one more: see knn.c */
    else
        status = calr_error(CALR_ENOMEM, "out of memory for tiles of distances");
    free(a.products);
    calr_pairwise_release(p);
    return status;
}
