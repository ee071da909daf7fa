/* Sums, products, maxima and minima of all numbers so far, along a dimension. */
#include "backend/cpu/kernels.h"
#include "tensor/pool.h"

enum {
    NEIGHBOURS = 64, /* lines with neighbouring numbers that are gone through together */
    ABREAST =
        8, /* lines of the last dimension, likewise: one waits while the others are added up */
    SEGMENT = 4096 /* a long line is cut into such, which count as lines */
};

/* Lines that are gone through together. */
typedef struct block {
    int lines;
    int64_t n, along, between;
    bool sum;     /* or the product */
    bool largest; /* or the smallest */
} block;

#define IS_NAN(value)      ((value) != (value))
#define NAME(function)     function##_f32
#define NUMBER             float
#define VALUE              float
#define TOTAL              double
#define LOAD(x, i)         (x)[i]
#define STORE(y, i, value) ((y)[i] = (float)(value))
#include "backend/cpu/scan/template.h"

#define IS_NAN(value)      ((value) != (value))
#define NAME(function)     function##_bf16
#define NUMBER             calr_bf16
#define VALUE              float
#define TOTAL              double
#define LOAD(x, i)         calr_bf16_to_f32((x)[i])
#define STORE(y, i, value) ((y)[i] = calr_bf16_from_f32((float)(value)))
#include "backend/cpu/scan/template.h"

#define IS_NAN(value)      ((value) != (value))
#define NAME(function)     function##_f64
#define NUMBER             double
#define VALUE              double
#define TOTAL              double
#define LOAD(x, i)         (x)[i]
#define STORE(y, i, value) ((y)[i] = (value))
#include "backend/cpu/scan/template.h"

/* Whole numbers wrap around, as unsigned ones may. */
#define IS_NAN(value)      false
#define NAME(function)     function##_i64
#define NUMBER             int64_t
#define VALUE              int64_t
#define TOTAL              uint64_t
#define LOAD(x, i)         (x)[i]
#define STORE(y, i, value) ((y)[i] = (int64_t)(value))
#include "backend/cpu/scan/template.h"

static void totals(calr_dtype dtype, const block *b, const void *x, void *y, const void *before)
{
    if (dtype == CALR_F32)
        totals_f32(b, x, y, before);
    else if (dtype == CALR_BF16)
        totals_bf16(b, x, y, before);
    else if (dtype == CALR_F64)
        totals_f64(b, x, y, before);
    else
        totals_i64(b, x, y, before);
}

static void extremes(calr_dtype dtype, const block *b, const void *x, void *y, int64_t *positions)
{
    if (dtype == CALR_F32)
        extremes_f32(b, x, y, positions);
    else if (dtype == CALR_BF16)
        extremes_bf16(b, x, y, positions);
    else if (dtype == CALR_F64)
        extremes_f64(b, x, y, positions);
    else
        extremes_i64(b, x, y, positions);
}

/* ---- many lines ---- */

typedef struct scanning {
    calr_scan op;
    calr_dtype dtype;
    bool reverse;
    int64_t outer, n, inner;
    int64_t width,
        tiles; /* lines that are gone through together, and how many such there are beside one another */
    const char *x;
    char *y;
    int64_t *positions;
} scanning;

static void scan_blocks(void *context, int64_t begin, int64_t end, int worker)
{
    const scanning *s = context;
    int64_t size = (int64_t)calr_dtype_size(s->dtype);
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        bool last = s->inner == 1;
        int64_t first = i % s->tiles * s->width, lines = last ? s->outer : s->inner;
        int64_t at = last ? first * s->n : i / s->tiles * s->n * s->inner + first;
        block b = {.lines = (int)calr_min64(s->width, lines - first),
                   .n = s->n,
                   .along = last ? 1 : s->inner,
                   .between = last ? s->n : 1,
                   .sum = s->op == CALR_CUMSUM,
                   .largest = s->op == CALR_CUMMAX};
        if (s->reverse) {
            at += (s->n - 1) * b.along;
            b.along = -b.along;
        }
        if (s->op == CALR_CUMMAX || s->op == CALR_CUMMIN)
            extremes(s->dtype, &b, s->x + at * size, s->y + at * size, s->positions + at);
        else
            totals(s->dtype, &b, s->x + at * size, s->y + at * size, NULL);
    }
}

static calr_status scan_lines(scanning *s)
{
    bool last = s->inner == 1;
    s->width = last ? ABREAST : NEIGHBOURS;
    s->tiles = ((last ? s->outer : s->inner) + s->width - 1) / s->width;
    return calr_parallel_try(last ? s->tiles : s->outer * s->tiles, calr_row_grain(s->n * s->width),
                             scan_blocks, s);
}

/* ---- a long line: sums of its segments first, then the segments like lines, each from the sum before it ---- */

typedef struct long_line {
    calr_dtype dtype;
    bool reverse;
    int64_t n, segments;
    const char *x;
    char *y;
    double *sums; /* of each segment; then of all before it. Of i64: as uint64_t */
} long_line;

CALR_CLONES static double sum_f32(int64_t n, const float *x)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i];
    return sum;
}

CALR_CLONES static double sum_bf16(int64_t n, const calr_bf16 *x)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++)
        sum += (double)calr_bf16_to_f32(x[i]);
    return sum;
}

/* Segment k of the line, in the direction it is gone through, begins at this number (the lowest of it). */
static int64_t segment_start(const long_line *line, int64_t k, int64_t *length)
{
    int64_t from = k * SEGMENT;
    *length = calr_min64(SEGMENT, line->n - from);
    return line->reverse ? line->n - from - *length : from;
}

static void sum_segments(void *context, int64_t begin, int64_t end, int worker)
{
    const long_line *line = context;
    (void)worker;
    for (int64_t k = begin; k < end; k++) {
        int64_t length, from = segment_start(line, k, &length);
        line->sums[k] = line->dtype == CALR_F32
                            ? sum_f32(length, (const float *)line->x + from)
                            : sum_bf16(length, (const calr_bf16 *)line->x + from);
    }
}

static void scan_segments(void *context, int64_t begin, int64_t end, int worker)
{
    const long_line *line = context;
    int64_t size = (int64_t)calr_dtype_size(line->dtype), length;
    (void)worker;
    for (int64_t k = begin; k < end; k += ABREAST) {
        int64_t most = calr_min64(ABREAST, end - k);
        segment_start(line, k + most - 1, &length); /* the last of all may be shorter */
        for (int64_t full = length == SEGMENT ? most : most - 1, done = 0; done < most;) {
            int64_t from = segment_start(line, k + done, &length);
            block b = {.lines = done < full ? (int)full : 1,
                       .n = length,
                       .along = line->reverse ? -1 : 1,
                       .between = line->reverse ? -SEGMENT : SEGMENT,
                       .sum = true};
            int64_t at = line->reverse ? from + length - 1 : from;
            totals(line->dtype, &b, line->x + at * size, line->y + at * size,
                   line->sums + k + done);
            done += b.lines;
        }
    }
}

static calr_status scan_long_line(long_line *line)
{
    void *memory;
    size_t bytes = (size_t)line->segments * sizeof *line->sums;
    CALR_TRY(calr_pool_alloc(bytes, &memory));
    line->sums = memory;
    calr_status status =
        calr_parallel_try(line->segments, CALR_GRAIN / SEGMENT, sum_segments, line);
    double before = 0;
    for (int64_t k = 0; k < line->segments && status == CALR_OK; k++) {
        double these = line->sums[k];
        line->sums[k] = before;
        before += these;
    }
    if (status == CALR_OK)
        status = calr_parallel_try(line->segments, 4 * ABREAST, scan_segments, line);
    calr_pool_free(memory, bytes);
    return status;
}

/* Sums in double of numbers in f32: the order in which they are added up does not show. */
static calr_status scan_long_lines(const scanning *s)
{
    int64_t size = (int64_t)calr_dtype_size(s->dtype);
    for (int64_t i = 0; i < s->outer; i++) {
        long_line line = {.dtype = s->dtype,
                          .reverse = s->reverse,
                          .n = s->n,
                          .segments = (s->n + SEGMENT - 1) / SEGMENT,
                          .x = s->x + i * s->n * size,
                          .y = s->y + i * s->n * size};
        CALR_TRY(scan_long_line(&line));
    }
    return CALR_OK;
}

calr_status calr_cpu_scan(calr_scan op, calr_dtype dtype, bool reverse, int64_t outer, int64_t n,
                          int64_t inner, const void *x, void *y, int64_t *positions)
{
    scanning s = {.op = op,
                  .dtype = dtype,
                  .reverse = reverse,
                  .outer = outer,
                  .n = n,
                  .inner = inner,
                  .x = x,
                  .y = y,
                  .positions = positions};
    if (outer * n * inner == 0)
        return CALR_OK;
    if (op == CALR_LOGCUMSUMEXP)
        return calr_cpu_log_scan(dtype, outer, n, inner, x, y);
    if (op == CALR_CUMSUM && calr_dtype_is_real(dtype) && inner == 1 && outer < ABREAST &&
        n >= 8 * SEGMENT)
        return scan_long_lines(&s);
    return scan_lines(&s);
}
