#include "tensor/random.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/size.h"
#include "base/sort.h"

/* ---- blocks of a stream ---- */

/* Takes `count` whole blocks off the stream: *from is it as of the first of them. */
static calr_status take_blocks(calr_rng *rng, uint64_t count, calr_rng *from)
{
    if (count > ((uint64_t)1 << 32) - rng->counter[0])
        return calr_error(CALR_EINVAL, "the generator's stream holds no more numbers: open another "
                                       "one, with an index of its own");
    *from = *rng;
    rng->counter[0] += (uint32_t)count;
    rng->used = 4;
    return CALR_OK;
}

typedef struct fill_job {
    calr_rng from;
    int64_t count;
    int per_block;
    bool normal;
    calr_dtype dtype;
    void *to;
} fill_job;

static void uniform_f32(const uint32_t bits[4], float out[4])
{
    for (int i = 0; i < 4; i++)
        out[i] = (float)(bits[i] >> 8) * 0x1p-24f;
}

/* Two pairs; the logarithm is of a number in (0, 1]. */
static void normal_f32(const uint32_t bits[4], float out[4])
{
    for (int i = 0; i < 4; i += 2) {
        float u = (float)((bits[i] >> 8) + 1) * 0x1p-24f, v = (float)(bits[i + 1] >> 8) * 0x1p-24f;
        float length = sqrtf(-2 * logf(u)), angle = 6.28318530718f * v;
        out[i] = length * cosf(angle);
        out[i + 1] = length * sinf(angle);
    }
}

static double to_double(const uint32_t bits[2])
{
    return (double)((bits[0] | (uint64_t)bits[1] << 32) >> 11) * 0x1p-53;
}

static void pair_f64(const uint32_t bits[4], bool normal, double out[2])
{
    double u = to_double(bits), v = to_double(bits + 2);
    if (normal) {
        double length = sqrt(-2 * log(1 - u)), angle = 6.283185307179586476925 * v;
        u = length * cos(angle);
        v = length * sin(angle);
    }
    out[0] = u;
    out[1] = v;
}

static void fill_blocks(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const fill_job *job = context;
    for (int64_t b = begin; b < end; b++) {
        uint32_t counter[4], bits[4];
        float narrow[4];
        double wide[2];
        memcpy(counter, job->from.counter, sizeof counter);
        counter[0] += (uint32_t)b;
        calr_philox(counter, job->from.key, bits);
        int64_t first = b * job->per_block, left = job->count - first;
        size_t many = (size_t)(left < job->per_block ? left : job->per_block);
        if (job->dtype == CALR_F64) {
            pair_f64(bits, job->normal, wide);
            memcpy((double *)job->to + first, wide, many * sizeof wide[0]);
        } else {
            if (job->normal)
                normal_f32(bits, narrow);
            else
                uniform_f32(bits, narrow);
            memcpy((float *)job->to + first, narrow, many * sizeof narrow[0]);
        }
    }
}

/* f32 or f64, new. */
static calr_status fill(calr_rng *rng, bool normal, calr_dtype dtype, int ndim,
                        const int64_t *shape, calr_tensor **out)
{
    calr_tensor *y;
    CALR_TRY(calr_tensor_new(dtype, ndim, shape, &y));
    fill_job job = {.count = calr_tensor_numel(y), .normal = normal, .dtype = dtype};
    job.per_block = dtype == CALR_F64 ? 2 : 4;
    job.to = calr_tensor_data(y);
    int64_t blocks = job.count / job.per_block + (job.count % job.per_block != 0);
    calr_status status = take_blocks(rng, (uint64_t)blocks, &job.from);
    if (status == CALR_OK)
        status = calr_parallel_try(blocks, 4096, fill_blocks, &job);
    if (status == CALR_OK)
        *out = y;
    else
        calr_tensor_release(y);
    return status;
}

/* Of an f32 number, as many bits as the narrow types hold, so that none is rounded up to 1. */
static void cut_bits(calr_tensor *y, float scale)
{
    float *data = calr_tensor_f32(y);
    int64_t count = calr_tensor_numel(y);
    for (int64_t i = 0; i < count; i++)
        data[i] = truncf(data[i] * scale) / scale;
}

static calr_status fill_any(calr_rng *rng, bool normal, calr_dtype dtype, int ndim,
                            const int64_t *shape, calr_tensor **out)
{
    if (!calr_dtype_is_float(dtype))
        return calr_error(CALR_EINVAL,
                          "numbers with a fraction are no %s; there are f32, f64, bf16 "
                          "and f16, and randint",
                          calr_dtype_name(dtype));
    if (dtype == CALR_F32 || dtype == CALR_F64)
        return fill(rng, normal, dtype, ndim, shape, out);
    calr_tensor *wide;
    CALR_TRY(fill(rng, normal, CALR_F32, ndim, shape, &wide));
    if (!normal)
        cut_bits(wide, dtype == CALR_BF16 ? 0x1p8f : 0x1p11f);
    calr_status status = calr_tensor_cast(wide, dtype, out);
    calr_tensor_release(wide);
    return status;
}

calr_status calr_tensor_rand(calr_rng *rng, calr_dtype dtype, int ndim, const int64_t *shape,
                             calr_tensor **out)
{
    return fill_any(rng, false, dtype, ndim, shape, out);
}

calr_status calr_tensor_randn(calr_rng *rng, calr_dtype dtype, int ndim, const int64_t *shape,
                              calr_tensor **out)
{
    return fill_any(rng, true, dtype, ndim, shape, out);
}

/* ---- whole numbers ---- */

/* Room for `count` numbers of 64 bits, redrawn ones included: four times as many as needed. */
static calr_status expect_numbers(const calr_rng *rng, int64_t count)
{
    calr_rng copy = *rng, from;
    return take_blocks(&copy, (uint64_t)count * 2, &from);
}

static bool holds(calr_dtype dtype, int64_t low, int64_t high)
{
    switch (dtype) {
    case CALR_BOOL:
        return low >= 0 && high <= 2;
    case CALR_U8:
        return low >= 0 && high <= 256;
    case CALR_I32:
        return low >= INT32_MIN && high <= (int64_t)INT32_MAX + 1;
    default:
        return true;
    }
}

calr_status calr_tensor_randint(calr_rng *rng, int64_t low, int64_t high, calr_dtype dtype,
                                int ndim, const int64_t *shape, calr_tensor **out)
{
    if (low >= high)
        return calr_error(CALR_EINVAL,
                          "there is no whole number from %" PRId64 " to below %" PRId64, low, high);
    if (!holds(dtype, low, high))
        return calr_error(CALR_EINVAL, "%s does not hold %" PRId64 " .. %" PRId64,
                          calr_dtype_name(dtype), low, high - 1);
    calr_tensor *y;
    CALR_TRY(calr_tensor_new(CALR_I64, ndim, shape, &y));
    int64_t count = calr_tensor_numel(y), *data = calr_tensor_i64(y);
    uint64_t width = (uint64_t)high - (uint64_t)low;
    calr_status status = expect_numbers(rng, count);
    for (int64_t i = 0; i < count && status == CALR_OK; i++)
        data[i] = (int64_t)((uint64_t)low + calr_rng_below(rng, width));
    if (status == CALR_OK && dtype != CALR_I64) {
        calr_tensor *converted;
        status = calr_tensor_cast(y, dtype, &converted);
        calr_tensor_release(y);
        if (status == CALR_OK)
            *out = converted;
        return status;
    }
    if (status == CALR_OK)
        *out = y;
    else
        calr_tensor_release(y);
    return status;
}

calr_status calr_tensor_randperm(calr_rng *rng, int64_t count, calr_tensor **out)
{
    calr_tensor *y;
    CALR_TRY(calr_tensor_new(CALR_I64, 1, &count, &y));
    int64_t *data = calr_tensor_i64(y);
    calr_status status = expect_numbers(rng, count);
    if (status != CALR_OK) {
        calr_tensor_release(y);
        return status;
    }
    for (int64_t i = 0; i < count; i++)
        data[i] = i;
    calr_rng_shuffle(rng, data, count);
    *out = y;
    return CALR_OK;
}

/* ---- by probability ---- */

static calr_status check_probabilities(const double *p, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!(p[i] >= 0 && p[i] <= 1))
            return calr_error(CALR_EINVAL, "element %" PRId64 " is %g, no probability: 0 to 1",
                              i + 1, p[i]);
    return CALR_OK;
}

calr_status calr_tensor_bernoulli(calr_rng *rng, const calr_tensor *p, calr_tensor **out)
{
    if (!calr_dtype_is_float(p->dtype))
        return calr_error(CALR_EINVAL, "probabilities are f32, f64, bf16 or f16, not %s",
                          calr_dtype_name(p->dtype));
    calr_tensor *wide, *drawn = NULL;
    CALR_TRY(calr_tensor_cast(p, CALR_F64, &wide));
    int64_t count = calr_tensor_numel(wide);
    double *chance = calr_tensor_data(wide);
    calr_status status = check_probabilities(chance, count);
    if (status == CALR_OK)
        status = fill(rng, false, CALR_F64, p->ndim, p->shape, &drawn);
    if (status == CALR_OK) {
        double *number = calr_tensor_data(drawn);
        for (int64_t i = 0; i < count; i++)
            number[i] = number[i] < chance[i] ? 1 : 0;
        status = calr_tensor_cast(drawn, p->dtype, out);
        calr_tensor_release(drawn);
    }
    calr_tensor_release(wide);
    return status;
}

/* The sum of a row's weights, and how many are above 0. */
static calr_status check_weights(const double *w, int64_t n, double *sum, int64_t *usable)
{
    *sum = 0;
    *usable = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!(w[i] >= 0) || !isfinite(w[i]))
            return calr_error(CALR_EINVAL,
                              "weight %" PRId64 " is %g: weights are finite, 0 or more", i + 1,
                              w[i]);
        *sum += w[i];
        *usable += w[i] > 0;
    }
    if (!isfinite(*sum))
        return calr_error(CALR_EINVAL, "the weights add up to infinity");
    return CALR_OK;
}

/* The first position whose weights up to there exceed a number drawn below their sum. */
static void draw_with(calr_rng *rng, const double *w, int64_t n, double *up_to, int64_t count,
                      int64_t *out)
{
    double sum = 0;
    int64_t last = 0; /* the last with a weight: where rounding leads past the end */
    for (int64_t i = 0; i < n; i++) {
        up_to[i] = sum += w[i];
        if (w[i] > 0)
            last = i;
    }
    for (int64_t k = 0; k < count; k++) {
        double at = calr_rng_double(rng) * sum;
        int64_t low = 0, high = last;
        while (low < high) {
            int64_t middle = low + (high - low) / 2;
            if (up_to[middle] > at)
                high = middle;
            else
                low = middle + 1;
        }
        out[k] = low;
    }
}

typedef struct arrival {
    double time;
    int64_t position;
} arrival;

static int compare_arrivals(const void *a, const void *b)
{
    const arrival *x = a, *y = b;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return x->position < y->position ? -1 : x->position > y->position;
}

/* Each arrives after an exponential time of rate w: the first `count` are a draw without replacement (Efraimidis and
 * Spirakis, "Weighted random sampling with a reservoir", Information Processing Letters 97, 2006). */
static calr_status draw_without(calr_rng *rng, const double *w, int64_t n, arrival *arrivals,
                                int64_t count, int64_t *out)
{
    for (int64_t i = 0; i < n; i++) {
        double u = 1 - calr_rng_double(rng);
        arrivals[i] = (arrival){w[i] > 0 ? -log(u) / w[i] : HUGE_VAL, i};
    }
    CALR_TRY(calr_sort(arrivals, n, sizeof *arrivals, compare_arrivals));
    for (int64_t k = 0; k < count; k++)
        out[k] = arrivals[k].position;
    return CALR_OK;
}

static calr_status draw_row(calr_rng *rng, const double *w, int64_t n, int64_t count,
                            bool replacement, void *room, int64_t *out)
{
    double sum;
    int64_t usable;
    CALR_TRY(check_weights(w, n, &sum, &usable));
    if (count > 0 && (usable == 0 || (!replacement && usable < count)))
        return calr_error(CALR_EINVAL,
                          "%" PRId64 " positions %s cannot be drawn: %" PRId64 " of %" PRId64
                          " weights are above 0",
                          count, replacement ? "with replacement" : "without replacement", usable,
                          n);
    if (!replacement)
        return draw_without(rng, w, n, room, count, out);
    draw_with(rng, w, n, room, count, out);
    return CALR_OK;
}

calr_status calr_tensor_multinomial(calr_rng *rng, const calr_tensor *weights, int64_t count,
                                    bool replacement, calr_tensor **out)
{
    char text[CALR_TENSOR_TEXT];
    if (weights->ndim < 1 || weights->ndim > 2 || !calr_dtype_is_float(weights->dtype))
        return calr_error(CALR_EINVAL, "weights are one row of floats or a matrix of rows, not %s",
                          calr_tensor_describe(weights, text));
    if (count < 0)
        return calr_error(CALR_EINVAL, "%" PRId64 " positions cannot be drawn", count);
    int64_t n = weights->shape[weights->ndim - 1],
            rows = weights->ndim == 2 ? weights->shape[0] : 1;
    int64_t shape[] = {weights->ndim == 2 ? rows : count, count};
    calr_tensor *wide, *y = NULL;
    CALR_TRY(calr_tensor_cast(weights, CALR_F64, &wide));
    void *room = calr_array_new(n, sizeof(arrival));
    calr_status status = room ? calr_tensor_new(CALR_I64, weights->ndim, shape, &y)
                              : calr_error(CALR_ENOMEM, "no memory for %" PRId64 " weights", n);
    if (status == CALR_OK && rows > 0)
        status = expect_numbers(rng, (replacement ? count : n) * rows);
    for (int64_t r = 0; r < rows && status == CALR_OK; r++)
        status = draw_row(rng, (double *)calr_tensor_data(wide) + r * n, n, count, replacement,
                          room, calr_tensor_i64(y) + r * count);
    free(room);
    calr_tensor_release(wide);
    if (status == CALR_OK)
        *out = y;
    else
        calr_tensor_release(y);
    return status;
}
