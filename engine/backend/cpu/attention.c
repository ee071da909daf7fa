/* Scaled dot-product attention: one head of one batch is one item, a block of its queries at a time. Of the weights
 * only the logarithm of each row's sum is kept; the way back makes them again, as FlashAttention does (Dao et al.,
 * NeurIPS 2022, section 3.1). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/blas.h"
#include "backend/cpu/exponential.h"
#include "backend/cpu/kernels.h"

/* Weights of one block: they stay in the cache from one product to the next. */
#define BLOCK_NUMBERS 65536
#define LEAST_BLOCK   16

/* Rows of floats: in the caller's memory, or in the worker's where they had to be widened. */
typedef struct panel {
    float *data;
    int64_t ld;
} panel;

typedef struct attending {
    const calr_attention *o;
    bool half;
    const void *q, *k, *v, *mask, *saved_y, *dy;
    void *y, *dq, *dk, *dv;
    const float *saved_log_sum;
    float *log_sum, *space;
    int64_t block, blocks, each; /* rows of a block, blocks of a head, floats of a worker */
} attending;

/* One head of one batch. */
typedef struct head {
    const attending *a;
    int64_t batch, head, number;
    float *next; /* free space of the worker */
} head;

static float *take(head *h, int64_t floats)
{
    float *at = h->next;
    h->next += floats;
    return at;
}

static int64_t place(const head *h, const calr_heads *steps, int64_t row)
{
    return h->batch * steps->batch + h->head * steps->head + row * steps->row;
}

/* Rows first .. first+rows-1, to be read. */
static panel load(head *h, const void *x, const calr_heads *steps, int64_t first, int64_t rows,
                  int64_t c)
{
    bool half = h->a->half;
    if (!half)
        return (panel){(float *)x + place(h, steps, first), steps->row};
    panel p = {take(h, rows * c), c};
    for (int64_t i = 0; i < rows; i++)
        calr_bf16_widen(c, (const calr_bf16 *)x + place(h, steps, first + i), p.data + i * c);
    return p;
}

/* The same, to be written; store() ends it. */
static panel open_rows(head *h, void *x, const calr_heads *steps, int64_t first, int64_t rows,
                       int64_t c)
{
    if (h->a->half)
        return (panel){take(h, rows * c), c};
    return (panel){(float *)x + place(h, steps, first), steps->row};
}

static void store(const head *h, panel p, void *x, const calr_heads *steps, int64_t first,
                  int64_t rows, int64_t c)
{
    for (int64_t i = 0; h->a->half && i < rows; i++)
        calr_bf16_round(c, p.data + i * p.ld, (calr_bf16 *)x + place(h, steps, first + i));
}

static void product(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k,
                    double alpha, panel a, panel b, bool add, panel c)
{
    calr_blas_product(CALR_F32, transpose_a, transpose_b, m, n, k, alpha, a.data, a.ld, b.data,
                      b.ld, add, c.data, c.ld);
}

/* ---- rows of weights ---- */

static void apply_mask(const head *h, int64_t query, int64_t columns, float *s)
{
    const calr_attention *o = h->a->o;
    const int64_t *step = o->mask_step;
    int64_t at = h->batch * step[0] + h->head * step[1] + query * step[2];
    if (o->mask == CALR_ATTEND_WHERE) {
        const uint8_t *sees = (const uint8_t *)h->a->mask + at;
        for (int64_t j = 0; j < columns; j++)
            s[j] = sees[j * step[3]] ? s[j] : -INFINITY;
    } else if (o->mask == CALR_ATTEND_ADD) {
        const float *more = (const float *)h->a->mask + at;
        for (int64_t j = 0; j < columns; j++)
            s[j] += more[j * step[3]];
    }
    for (int64_t j = query + 1; o->causal && j < columns; j++)
        s[j] = -INFINITY;
}

CALR_CLONES static float largest(int64_t c, const float *x)
{
    float most = -INFINITY;
#pragma omp simd reduction(max : most)
    for (int64_t j = 0; j < c; j++)
        most = x[j] > most ? x[j] : most;
    return most;
}

/* x = e^(x - most); the sum of that. */
CALR_CLONES static float exponentials(int64_t c, float most, float *x)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < c; j++) {
        x[j] = calr_exp_below(x[j] - most);
        sum += x[j];
    }
    return sum;
}

CALR_CLONES static void scale_row(int64_t c, float by, float *x)
{
#pragma omp simd
    for (int64_t j = 0; j < c; j++)
        x[j] *= by;
}

/* ds = scale weight (dweight - delta), over dweight */
CALR_CLONES static void score_gradients(int64_t c, float scale, float delta, const float *weight,
                                        float *dweight)
{
#pragma omp simd
    for (int64_t j = 0; j < c; j++)
        dweight[j] = scale * weight[j] * (dweight[j] - delta);
}

CALR_CLONES static float row_product(int64_t c, const float *a, const float *b)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < c; j++)
        sum += a[j] * b[j];
    return sum;
}

static int64_t columns_of(const attending *a, int64_t first, int64_t rows)
{
    return a->o->causal ? calr_min64(a->o->m, first + rows) : a->o->m;
}

static void drop(const head *h, int64_t first, int64_t count, const float *x, float *y)
{
    const calr_attention *o = h->a->o;
    int64_t items = o->batch * o->heads * h->a->blocks;
    calr_dropout d = {.p = o->p,
                      .seed = o->seed,
                      .epoch = o->epoch,
                      .index = o->index * (uint64_t)items +
                               (uint64_t)(h->number * h->a->blocks + first / h->a->block)};
    calr_cpu_dropout(count, &d, x, y);
}

/* ---- forward ---- */

static void forward_block(head h, panel keys, panel values, int64_t first, int64_t rows)
{
    const attending *a = h.a;
    const calr_attention *o = a->o;
    int64_t columns = columns_of(a, first, rows);
    panel weights = {take(&h, rows * columns), columns};
    panel q = load(&h, a->q, &o->q, first, rows, o->d);
    panel y = open_rows(&h, a->y, &o->y, first, rows, o->width);
    float *sums = take(&h, rows);
    product(false, true, rows, columns, o->d, o->scale, q, keys, false, weights);
    for (int64_t i = 0; i < rows; i++) {
        float *s = weights.data + i * columns;
        apply_mask(&h, first + i, columns, s);
        float most = largest(columns, s);
        bool none = most == -INFINITY;
        sums[i] = exponentials(columns, none ? 0 : most, s);
        a->log_sum[h.number * o->n + first + i] = none ? INFINITY : most + logf(sums[i]);
    }
    if (o->p > 0)
        drop(&h, first, rows * columns, weights.data, weights.data);
    product(false, false, rows, o->width, columns, 1, weights, values, false, y);
    for (int64_t i = 0; i < rows; i++)
        scale_row(o->width, sums[i] == 0 ? 0 : 1 / sums[i], y.data + i * y.ld);
    store(&h, y, a->y, &o->y, first, rows, o->width);
}

static head begin_head(const attending *a, int64_t item, int worker)
{
    return (head){.a = a,
                  .batch = item / a->o->heads,
                  .head = item % a->o->heads,
                  .number = item,
                  .next = a->space + worker * a->each};
}

static void forward_body(void *context, int64_t begin, int64_t end, int worker)
{
    const attending *a = context;
    const calr_attention *o = a->o;
    for (int64_t item = begin; item < end; item++) {
        head h = begin_head(a, item, worker);
        panel keys = load(&h, a->k, &o->k, 0, o->m, o->d);
        panel values = load(&h, a->v, &o->v, 0, o->m, o->width);
        for (int64_t first = 0; first < o->n; first += a->block)
            forward_block(h, keys, values, first, calr_min64(a->block, o->n - first));
    }
}

/* ---- backward ---- */

/* A head's inputs, and the gradients that all of its blocks add to. */
typedef struct whole {
    panel keys, values, dk, dv;
} whole;

static void clear(panel p, int64_t rows, int64_t c)
{
    for (int64_t i = 0; i < rows; i++)
        memset(p.data + i * p.ld, 0, (size_t)c * sizeof *p.data);
}

/* The weights as the forward pass had them. */
static void weights_again(head *h, panel q, panel keys, int64_t first, int64_t rows, panel weights)
{
    const calr_attention *o = h->a->o;
    product(false, true, rows, weights.ld, o->d, o->scale, q, keys, false, weights);
    for (int64_t i = 0; i < rows; i++) {
        float *s = weights.data + i * weights.ld;
        apply_mask(h, first + i, weights.ld, s);
        exponentials(weights.ld, h->a->saved_log_sum[h->number * o->n + first + i], s);
    }
}

static void backward_block(head h, const whole *w, int64_t first, int64_t rows)
{
    const attending *a = h.a;
    const calr_attention *o = a->o;
    int64_t columns = columns_of(a, first, rows);
    bool add = first > 0 || o->causal;
    panel weights = {take(&h, rows * columns), columns},
          dweights = {take(&h, rows * columns), columns};
    panel kept = o->p > 0 ? (panel){take(&h, rows * columns), columns} : weights;
    panel q = load(&h, a->q, &o->q, first, rows, o->d);
    panel y = load(&h, a->saved_y, &o->y, first, rows, o->width);
    panel dy = load(&h, a->dy, &o->dy, first, rows, o->width);
    weights_again(&h, q, w->keys, first, rows, weights);
    if (o->p > 0)
        drop(&h, first, rows * columns, weights.data, kept.data);
    if (a->dv)
        product(true, false, columns, o->width, rows, 1, kept, dy, add, w->dv);
    if (!a->dq && !a->dk)
        return;
    product(false, true, rows, columns, o->width, 1, dy, w->values, false, dweights);
    if (o->p > 0)
        drop(&h, first, rows * columns, dweights.data, dweights.data);
    for (int64_t i = 0; i < rows; i++)
        score_gradients(columns, (float)o->scale,
                        row_product(o->width, y.data + i * y.ld, dy.data + i * dy.ld),
                        weights.data + i * columns, dweights.data + i * columns);
    if (a->dk)
        product(true, false, columns, o->d, rows, 1, dweights, q, add, w->dk);
    if (!a->dq)
        return;
    panel dq = open_rows(&h, a->dq, &o->dq, first, rows, o->d);
    product(false, false, rows, o->d, columns, 1, dweights, w->keys, false, dq);
    store(&h, dq, a->dq, &o->dq, first, rows, o->d);
}

static void backward_body(void *context, int64_t begin, int64_t end, int worker)
{
    const attending *a = context;
    const calr_attention *o = a->o;
    for (int64_t item = begin; item < end; item++) {
        head h = begin_head(a, item, worker);
        whole w = {.keys = load(&h, a->k, &o->k, 0, o->m, o->d),
                   .values = load(&h, a->v, &o->v, 0, o->m, o->width)};
        if (a->dk)
            w.dk = open_rows(&h, a->dk, &o->dk, 0, o->m, o->d);
        if (a->dv)
            w.dv = open_rows(&h, a->dv, &o->dv, 0, o->m, o->width);
        if (a->dk && (o->causal || o->n == 0))
            clear(w.dk, o->m, o->d);
        if (a->dv && (o->causal || o->n == 0))
            clear(w.dv, o->m, o->width);
        for (int64_t first = 0; first < o->n; first += a->block)
            backward_block(h, &w, first, calr_min64(a->block, o->n - first));
        if (a->dk)
            store(&h, w.dk, a->dk, &o->dk, 0, o->m, o->d);
        if (a->dv)
            store(&h, w.dv, a->dv, &o->dv, 0, o->m, o->width);
    }
}

/* ---- the table's entries ---- */

/* Blocks, and the working space of all workers; `maps` weights of a block at a time. */
static calr_status prepare(attending *a, int64_t maps)
{
    const calr_attention *o = a->o;
    a->half = o->dtype == CALR_BF16;
    a->block = calr_max64(LEAST_BLOCK, BLOCK_NUMBERS / calr_max64(o->m, 1));
    a->block = calr_max64(1, calr_min64(a->block, o->n));
    a->blocks = (o->n + a->block - 1) / a->block;
    a->each = maps * a->block * o->m + a->block;
    if (a->half) /* q, dq, y, dy of a block; k, dk, v, dv */
        a->each += 2 * (a->block + o->m) * (o->d + o->width);
    a->space = calr_array_new(calr_parallel_threads() * a->each, sizeof *a->space);
    return a->space ? CALR_OK
                    : calr_error(CALR_ENOMEM, "no memory for the working space of attention");
}

calr_status calr_cpu_attention_forward(const calr_attention *sizes, const void *q, const void *k,
                                       const void *v, const void *mask, void *y, float *log_sum)
{
    attending a = {.o = sizes, .q = q, .k = k, .v = v, .mask = mask, .y = y, .log_sum = log_sum};
    CALR_TRY(prepare(&a, 1));
    calr_status status = calr_parallel_try(sizes->batch * sizes->heads, 1, forward_body, &a);
    free(a.space);
    return status;
}

calr_status calr_cpu_attention_backward(const calr_attention *sizes, const void *q, const void *k,
                                        const void *v, const void *mask, const void *y,
                                        const float *log_sum, const void *dy, void *dq, void *dk,
                                        void *dv)
{
    attending a = {.o = sizes,
                   .q = q,
                   .k = k,
                   .v = v,
                   .mask = mask,
                   .saved_y = y,
                   .saved_log_sum = log_sum,
                   .dy = dy,
                   .dq = dq,
                   .dk = dk,
                   .dv = dv};
    CALR_TRY(prepare(&a, sizes->p > 0 ? 3 : 2));
    calr_status status = calr_parallel_try(sizes->batch * sizes->heads, 1, backward_body, &a);
    free(a.space);
    return status;
}
