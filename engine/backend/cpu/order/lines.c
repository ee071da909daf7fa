/* Many lines. Those along the last dimension are made where they are; others are copied, some neighbours at a time. */
#include "backend/cpu/order/lines.h"

#include <stdlib.h>
#include <string.h>

#include "tensor/pool.h"

enum {
    LONG = 1 << 18,  /* numbers of a line that all threads sort together */
    WORK = 4096,     /* numbers that pay for starting a thread */
    NEIGHBOURS = 16, /* lines that are copied together: those that share a cache line */
    COPIED = 1 << 17 /* most numbers of them */
};

typedef struct running {
    const calr_lines *job;
    int64_t width,
        tiles; /* neighbours that are copied together, and how many such there are of inner */
    size_t line_bytes, made_bytes, worker_bytes;
    char *
        scratch; /* of each worker: keys; then, of neighbours, the lines, what is made of them, and its positions */
} running;

static size_t round_up(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

/* y[i][j], rows of `to`, = x[j][i], rows of `from`. */
static void transpose(size_t size, int64_t rows, int64_t columns, const char *x, size_t from,
                      char *y, size_t to)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            memcpy(y + (size_t)i * to + (size_t)j * size, x + (size_t)j * from + (size_t)i * size,
                   size);
}

static void transpose_items(size_t size, int64_t rows, int64_t columns, const char *x, size_t from,
                            char *y, size_t to)
{
    switch (size) { /* a size that is known makes a plain move */
    case 1:
        transpose(1, rows, columns, x, from, y, to);
        break;
    case 2:
        transpose(2, rows, columns, x, from, y, to);
        break;
    case 4:
        transpose(4, rows, columns, x, from, y, to);
        break;
    default:
        transpose(8, rows, columns, x, from, y, to);
        break;
    }
}

static calr_sorting start(const calr_lines *job, const void *x, void *y, int64_t *positions,
                          uint64_t *key)
{
    return (calr_sorting){.line = {job->dtype, job->n, x},
                          .descending = job->descending,
                          .key = key,
                          .y = y,
                          .positions = positions};
}

static void make_last(void *context, int64_t begin, int64_t end, int worker)
{
    const running *r = context;
    const calr_lines *job = r->job;
    size_t size = calr_dtype_size(job->dtype);
    char *scratch = r->scratch + (size_t)worker * r->worker_bytes;
    for (int64_t i = begin; i < end; i++) {
        calr_sorting s =
            start(job, (const char *)job->x + (size_t)(i * job->n) * size,
                  job->y ? (char *)job->y + (size_t)(i * job->k) * size : NULL,
                  job->positions ? job->positions + i * job->k : NULL, (uint64_t *)scratch);
        job->make(job, &s);
    }
}

static void make_neighbours(void *context, int64_t begin, int64_t end, int worker)
{
    const running *r = context;
    const calr_lines *job = r->job;
    size_t size = calr_dtype_size(job->dtype), row = (size_t)job->inner;
    char *scratch = r->scratch + (size_t)worker * r->worker_bytes;
    char *x = scratch + round_up((size_t)job->key_items * 8);
    char *y = x + (size_t)r->width * r->line_bytes;
    char *positions = y + (size_t)r->width * r->made_bytes;
    size_t positions_bytes = round_up((size_t)job->k * 8);
    for (int64_t tile = begin; tile < end; tile++) {
        int64_t first = tile % r->tiles * r->width, outer = tile / r->tiles;
        int64_t width = calr_min64(r->width, job->inner - first);
        size_t from = (size_t)(outer * job->n) * row + (size_t)first;
        size_t to = (size_t)(outer * job->k) * row + (size_t)first;
        transpose_items(size, width, job->n, (const char *)job->x + from * size, row * size, x,
                        r->line_bytes);
        for (int64_t i = 0; i < width; i++) {
            calr_sorting s =
                start(job, x + (size_t)i * r->line_bytes, y + (size_t)i * r->made_bytes,
                      (int64_t *)(positions + (size_t)i * positions_bytes), (uint64_t *)scratch);
            job->make(job, &s);
        }
        if (job->y)
            transpose_items(size, job->k, width, y, r->made_bytes, (char *)job->y + to * size,
                            row * size);
        if (job->positions)
            transpose_items(8, job->k, width, positions, positions_bytes,
                            (char *)(job->positions + to), row * 8);
    }
}

calr_status calr_lines_run(calr_lines *job)
{
    running r = {.job = job, .width = 1};
    size_t size = calr_dtype_size(job->dtype);
    if (job->outer == 0 || job->inner == 0 || job->k == 0)
        return CALR_OK;
    r.worker_bytes = round_up((size_t)job->key_items * 8);
    if (job->inner > 1) {
        r.width = calr_max64(1, calr_min64(NEIGHBOURS, COPIED / job->n));
        r.line_bytes = round_up((size_t)job->n * size);
        r.made_bytes = round_up((size_t)job->k * size);
        r.worker_bytes +=
            (size_t)r.width * (r.line_bytes + r.made_bytes + round_up((size_t)job->k * 8));
    }
    r.tiles = (job->inner + r.width - 1) / r.width;
    int64_t count = job->outer * r.tiles;
    int64_t grain = calr_max64(1, WORK / (job->n * r.width));
    size_t bytes = (size_t)calr_min64(calr_parallel_threads(), 1 + count / grain) * r.worker_bytes;
    void *scratch;
    CALR_TRY(calr_pool_alloc(bytes, &scratch));
    r.scratch = scratch;
    calr_status status =
        calr_parallel_try(count, grain, job->inner > 1 ? make_neighbours : make_last, &r);
    calr_pool_free(scratch, bytes);
    return status;
}

/* ---- sort ---- */

static void sort_line(const calr_lines *job, calr_sorting *s)
{
    s->spare = s->key + job->n;
    s->items = calr_key_bits(job->dtype) == 64 ? s->spare + job->n : s->key;
    calr_sort_line(s);
    calr_sorting_place(s);
}

/* One line after the other, each by all threads. */
static calr_status sort_long(const calr_lines *job)
{
    size_t size = calr_dtype_size(job->dtype), bytes = (size_t)(3 * job->n) * 8;
    void *scratch;
    CALR_TRY(calr_pool_alloc(bytes, &scratch));
    calr_status status = CALR_OK;
    for (int64_t i = 0; i < job->outer && status == CALR_OK; i++) {
        calr_sorting s = start(job, (const char *)job->x + (size_t)(i * job->n) * size,
                               job->y ? (char *)job->y + (size_t)(i * job->n) * size : NULL,
                               job->positions ? job->positions + i * job->n : NULL, scratch);
        s.together = true;
        s.spare = s.key + job->n;
        s.items = s.spare + job->n;
        status = calr_sort_line(&s);
        if (status == CALR_OK)
            status = calr_sorting_place(&s);
    }
    calr_pool_free(scratch, bytes);
    return status;
}

calr_status calr_cpu_sort(calr_dtype dtype, int64_t outer, int64_t n, int64_t inner,
                          bool descending, const void *x, void *y, int64_t *positions)
{
    calr_lines job = {.dtype = dtype,
                      .outer = outer,
                      .n = n,
                      .inner = inner,
                      .k = n,
                      .descending = descending,
                      .x = x,
                      .y = y,
                      .positions = positions,
                      .key_items = (calr_key_bits(dtype) == 64 ? 3 : 2) * n,
                      .make = sort_line};
    return n >= LONG && inner == 1 ? sort_long(&job) : calr_lines_run(&job);
}
