/* Pooling of windows of any size and place, and resampling. Channels are the inner loop. In the backward passes one
 * image is one item, since windows overlap. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/kernels.h"

typedef struct pooling {
    const calr_windows *o;
    bool half;
    const void *x, *dy;
    int32_t *winner;
    const int32_t *saved;
    void *out;
    float *scratch; /* bf16: sums of one image or one pixel for each worker */
} pooling;

CALR_INLINE void add_pixel(bool half, int64_t c, float weight, const void *x, float *sum)
{
#pragma omp simd
    for (int64_t j = 0; j < c; j++)
        sum[j] += weight * calr_real_load(half, x, j);
}

CALR_INLINE void store_pixels(bool half, int64_t count, const float *sum, void *out)
{
    if (half)
        calr_bf16_round(count, sum, out);
    else if (out != (const void *)sum)
        memcpy(out, sum, (size_t)count * sizeof *sum);
}

/* ---- means ---- one item is one row of the output */

CALR_INLINE void mean_rows(bool half, const pooling *k, int64_t begin, int64_t end, int worker)
{
    const calr_windows *o = k->o;
    for (int64_t item = begin; item < end; item++) {
        int64_t image = item / o->out_h;
        const calr_span *r = o->rows + item % o->out_h;
        for (int64_t col = 0; col < o->out_w; col++) {
            const calr_span *s = o->columns + col;
            void *y = calr_real_at(half, k->out, (item * o->out_w + col) * o->c);
            float *sum = half ? k->scratch + worker * o->c : y;
            float weight = (float)(1 / (r->count * s->count));
            memset(sum, 0, (size_t)o->c * sizeof *sum);
            for (int64_t u = r->begin; u < r->end; u++)
                for (int64_t v = s->begin; v < s->end; v++)
                    add_pixel(half, o->c, weight,
                              calr_real_at(half, k->x, ((image * o->h + u) * o->w + v) * o->c),
                              sum);
            store_pixels(half, o->c, sum, y);
        }
    }
}

CALR_CLONES static void mean_body(void *context, int64_t begin, int64_t end, int worker)
{
    const pooling *k = context;
    if (k->half)
        mean_rows(true, k, begin, end, worker);
    else
        mean_rows(false, k, begin, end, worker);
}

CALR_INLINE void mean_gradient(bool half, const pooling *k, int64_t image, float *sum)
{
    const calr_windows *o = k->o;
    for (int64_t row = 0; row < o->out_h; row++)
        for (int64_t col = 0; col < o->out_w; col++) {
            const calr_span *r = o->rows + row, *s = o->columns + col;
            const void *dy =
                calr_real_at(half, k->dy, ((image * o->out_h + row) * o->out_w + col) * o->c);
            float weight = (float)(1 / (r->count * s->count));
            for (int64_t u = r->begin; u < r->end; u++)
                for (int64_t v = s->begin; v < s->end; v++)
                    add_pixel(half, o->c, weight, dy, sum + (u * o->w + v) * o->c);
        }
}

/* ---- maxima ---- A NaN is larger than all. */

CALR_INLINE void largest(bool half, int64_t c, const void *x, int32_t place, void *most,
                         int32_t *winner)
{
#pragma omp simd
    for (int64_t j = 0; j < c; j++) {
        float value = calr_real_load(half, x, j), so_far = calr_real_load(half, most, j);
        bool wins = (value > so_far) | (value != value);
        calr_real_store(half, most, j, wins ? value : so_far);
        winner[j] = wins ? place : winner[j];
    }
}

CALR_INLINE void first_of_all(bool half, int64_t c, const void *x, int32_t place, void *most,
                              int32_t *winner)
{
    memcpy(most, x, (size_t)c * (half ? sizeof(calr_bf16) : sizeof(float)));
    for (int64_t j = 0; j < c; j++)
        winner[j] = place;
}

CALR_INLINE void max_rows(bool half, const pooling *k, int64_t begin, int64_t end)
{
    const calr_windows *o = k->o;
    for (int64_t item = begin; item < end; item++) {
        int64_t image = item / o->out_h;
        const calr_span *r = o->rows + item % o->out_h;
        for (int64_t col = 0; col < o->out_w; col++) {
            const calr_span *s = o->columns + col;
            int64_t at = (item * o->out_w + col) * o->c;
            void *y = calr_real_at(half, k->out, at);
            int32_t *winner = k->winner + at;
            for (int64_t u = r->begin; u < r->end; u++)
                for (int64_t v = s->begin; v < s->end; v++) {
                    const void *x =
                        calr_real_at(half, k->x, ((image * o->h + u) * o->w + v) * o->c);
                    int32_t place = (int32_t)(u * o->w + v);
                    if (u == r->begin && v == s->begin)
                        first_of_all(half, o->c, x, place, y, winner);
                    else
                        largest(half, o->c, x, place, y, winner);
                }
        }
    }
}

CALR_CLONES static void max_body(void *context, int64_t begin, int64_t end, int worker)
{
    const pooling *k = context;
    (void)worker;
    if (k->half)
        max_rows(true, k, begin, end);
    else
        max_rows(false, k, begin, end);
}

CALR_INLINE void max_gradient(bool half, const pooling *k, int64_t image, float *sum)
{
    const calr_windows *o = k->o;
    int64_t pixels = o->out_h * o->out_w, at = image * pixels * o->c;
    for (int64_t i = 0; i < pixels; i++, at += o->c)
        for (int64_t j = 0; j < o->c; j++)
            sum[k->saved[at + j] * o->c + j] += calr_real_load(half, k->dy, at + j);
}

CALR_CLONES static void backward_body(void *context, int64_t begin, int64_t end, int worker)
{
    const pooling *k = context;
    int64_t size = k->o->h * k->o->w * k->o->c;
    for (int64_t image = begin; image < end; image++) {
        void *dx = calr_real_at(k->half, k->out, image * size);
        float *sum = k->half ? k->scratch + worker * size : dx;
        memset(sum, 0, (size_t)size * sizeof *sum);
        if (k->saved && k->half)
            max_gradient(true, k, image, sum);
        else if (k->saved)
            max_gradient(false, k, image, sum);
        else if (k->half)
            mean_gradient(true, k, image, sum);
        else
            mean_gradient(false, k, image, sum);
        store_pixels(k->half, size, sum, dx);
    }
}

/* Working space for bf16: `size` floats for each worker. */
static calr_status scratch(bool half, int64_t size, float **out)
{
    *out = NULL;
    if (!half)
        return CALR_OK;
    *out = calr_array_new(calr_parallel_threads() * calr_max64(size, 1), sizeof **out);
    return *out ? CALR_OK : calr_error(CALR_ENOMEM, "no memory for the working space of pooling");
}

static int64_t rows_of(const calr_windows *o)
{
    return o->c > 0 ? o->n * o->out_h : 0;
}

calr_status calr_cpu_window_mean_forward(const calr_windows *windows, const void *x, void *y)
{
    pooling k = {.o = windows, .half = windows->dtype == CALR_BF16, .x = x, .out = y};
    CALR_TRY(scratch(k.half, windows->c, &k.scratch));
    calr_parallel_for(rows_of(windows), calr_row_grain(windows->out_w * windows->c), mean_body, &k);
    free(k.scratch);
    return CALR_OK;
}

calr_status calr_cpu_window_mean_backward(const calr_windows *windows, const void *dy, void *dx)
{
    pooling k = {.o = windows, .half = windows->dtype == CALR_BF16, .dy = dy, .out = dx};
    CALR_TRY(scratch(k.half, windows->h * windows->w * windows->c, &k.scratch));
    calr_parallel_for(windows->n, 1, backward_body, &k);
    free(k.scratch);
    return CALR_OK;
}

calr_status calr_cpu_window_max_forward(const calr_windows *windows, const void *x, void *y,
                                        int32_t *winner)
{
    pooling k = {
        .o = windows, .half = windows->dtype == CALR_BF16, .x = x, .out = y, .winner = winner};
    calr_parallel_for(rows_of(windows), calr_row_grain(windows->out_w * windows->c), max_body, &k);
    return CALR_OK;
}

calr_status calr_cpu_window_max_backward(const calr_windows *windows, const int32_t *winner,
                                         const void *dy, void *dx)
{
    pooling k = {
        .o = windows, .half = windows->dtype == CALR_BF16, .dy = dy, .out = dx, .saved = winner};
    CALR_TRY(scratch(k.half, windows->h * windows->w * windows->c, &k.scratch));
    calr_parallel_for(windows->n, 1, backward_body, &k);
    free(k.scratch);
    return CALR_OK;
}

/* ---- resampling ---- */

typedef struct sampling {
    const calr_resample *o;
    bool half;
    const void *from;
    void *to;
    float *scratch;
} sampling;

CALR_INLINE void sample_rows(bool half, const sampling *k, int64_t begin, int64_t end, int worker)
{
    const calr_resample *o = k->o;
    for (int64_t item = begin; item < end; item++) {
        int64_t image = item / o->out_h;
        const calr_tap *r = o->rows + item % o->out_h;
        for (int64_t col = 0; col < o->out_w; col++) {
            const calr_tap *s = o->columns + col;
            void *y = calr_real_at(half, k->to, (item * o->out_w + col) * o->c);
            float *sum = half ? k->scratch + worker * o->c : y;
            memset(sum, 0, (size_t)o->c * sizeof *sum);
            for (int u = 0; u < o->taps; u++)
                for (int v = 0; v < o->taps; v++)
                    add_pixel(
                        half, o->c, r->weight[u] * s->weight[v],
                        calr_real_at(half, k->from,
                                     ((image * o->h + r->from[u]) * o->w + s->from[v]) * o->c),
                        sum);
            store_pixels(half, o->c, sum, y);
        }
    }
}

CALR_CLONES static void sample_body(void *context, int64_t begin, int64_t end, int worker)
{
    const sampling *k = context;
    if (k->half)
        sample_rows(true, k, begin, end, worker);
    else
        sample_rows(false, k, begin, end, worker);
}

CALR_INLINE void sample_gradient(bool half, const sampling *k, int64_t image, float *sum)
{
    const calr_resample *o = k->o;
    for (int64_t row = 0; row < o->out_h; row++)
        for (int64_t col = 0; col < o->out_w; col++) {
            const calr_tap *r = o->rows + row, *s = o->columns + col;
            const void *dy =
                calr_real_at(half, k->from, ((image * o->out_h + row) * o->out_w + col) * o->c);
            for (int u = 0; u < o->taps; u++)
                for (int v = 0; v < o->taps; v++)
                    add_pixel(half, o->c, r->weight[u] * s->weight[v], dy,
                              sum + (r->from[u] * o->w + s->from[v]) * o->c);
        }
}

CALR_CLONES static void sample_backward_body(void *context, int64_t begin, int64_t end, int worker)
{
    const sampling *k = context;
    int64_t size = k->o->h * k->o->w * k->o->c;
    for (int64_t image = begin; image < end; image++) {
        void *dx = calr_real_at(k->half, k->to, image * size);
        float *sum = k->half ? k->scratch + worker * size : dx;
        memset(sum, 0, (size_t)size * sizeof *sum);
        if (k->half)
            sample_gradient(true, k, image, sum);
        else
            sample_gradient(false, k, image, sum);
        store_pixels(k->half, size, sum, dx);
    }
}

calr_status calr_cpu_resample_forward(const calr_resample *sizes, const void *x, void *y)
{
    sampling k = {.o = sizes, .half = sizes->dtype == CALR_BF16, .from = x, .to = y};
    CALR_TRY(scratch(k.half, sizes->c, &k.scratch));
    calr_parallel_for(sizes->c > 0 ? sizes->n * sizes->out_h : 0,
                      calr_row_grain(sizes->out_w * sizes->c), sample_body, &k);
    free(k.scratch);
    return CALR_OK;
}

calr_status calr_cpu_resample_backward(const calr_resample *sizes, const void *dy, void *dx)
{
    sampling k = {.o = sizes, .half = sizes->dtype == CALR_BF16, .from = dy, .to = dx};
    CALR_TRY(scratch(k.half, sizes->h * sizes->w * sizes->c, &k.scratch));
    calr_parallel_for(sizes->n, 1, sample_backward_body, &k);
    free(k.scratch);
    return CALR_OK;
}
