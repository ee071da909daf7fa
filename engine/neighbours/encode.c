#include "neighbours/encode.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clones.h"
#include "base/interrupt.h"
#include "base/parallel.h"
#include "base/size.h"

enum { GRAIN = CALR_ENCODE_GRAIN, WORD = CALR_BAG_WORD };

/* ---- bags ---- */

calr_bag *calr_bags_new(int64_t n, int64_t threads)
{
    calr_bag *bags = calr_array_zeros(threads, sizeof *bags);
    bool whole = bags;
    for (int64_t t = 0; whole && t < threads; t++) {
        calr_bag *b = &bags[t];
        b->bits = calr_array_zeros(calr_bag_words(n), sizeof *b->bits);
        b->sums = calr_array_zeros(n, sizeof *b->sums);
        b->stamp = calr_array_zeros(n, sizeof *b->stamp);
        whole = b->bits && b->sums && b->stamp;
    }
    if (whole)
        return bags;
    calr_bags_release(bags, threads);
    return NULL;
}

void calr_bags_release(calr_bag *bags, int64_t threads)
{
    for (int64_t t = 0; bags && t < threads; t++) {
        free(bags[t].bits);
        free(bags[t].sums);
        free(bags[t].stamp);
    }
    free(bags);
}

CALR_CLONES int64_t calr_bag_count(const calr_bag *b, int64_t words)
{
    int64_t count = 0;
    for (int64_t w = 0; w < words; w++)
        count += __builtin_popcountll(b->bits[w]);
    return count;
}

void calr_bag_take(calr_bag *b, int64_t words, int32_t *indices, float *values)
{
    for (int64_t w = 0; w < words; w++) {
        for (uint64_t left = b->bits[w]; left; left &= left - 1) {
            int32_t j = (int32_t)(w * WORD + __builtin_ctzll(left));
            *indices++ = j;
            *values++ = b->sums[j];
            b->sums[j] = 0;
        }
        b->bits[w] = 0;
    }
}

void calr_bag_clear(calr_bag *b, int64_t words)
{
    for (int64_t w = 0; w < words; w++) {
        for (uint64_t left = b->bits[w]; left; left &= left - 1)
            b->sums[w * WORD + __builtin_ctzll(left)] = 0;
        b->bits[w] = 0;
    }
}

/* ---- rows by rows ---- */

typedef struct work {
    const calr_csr *v, *columns;
    const int32_t *lists;
    int64_t width, count, words;
    calr_bag *bags; /* [threads] */
    calr_csr_builder *builder;
    calr_csr *out;
    float within;
    int32_t *row_indices; /* [threads x n] */
    float *row_values;
} work;

/* Moves the bag to row i of the builder; NULL when there is no room, which the builder remembers. */
static float *take_row(work *w, calr_bag *b, int64_t i, int32_t **indices, int64_t *count)
{
    float *values;
    *count = calr_bag_count(b, w->words);
    calr_csr_builder_row(w->builder, i, *count, indices, &values);
    if (*indices)
        calr_bag_take(b, w->words, *indices, values);
    else
        calr_bag_clear(b, w->words);
    return values;
}

static void average(void *context, int64_t begin, int64_t end, int worker)
{
    work *w = context;
    calr_bag *b = &w->bags[worker];
    for (int64_t i = begin; i < end && !calr_interrupt_requested(); i++) {
        int64_t rows = 0, count;
        const int32_t *list = w->lists + i * w->width;
        for (; rows < w->count && list[rows] >= 0; rows++)
            for (int64_t q = w->v->offsets[list[rows]]; q < w->v->offsets[list[rows] + 1]; q++)
                calr_bag_add(b, w->v->indices[q], w->v->values[q]);
        int32_t *indices;
        float *values = take_row(w, b, i, &indices, &count);
        for (int64_t p = 0; values && p < count; p++)
            values[p] /= (float)rows;
    }
}

/* The matrix of the builder, whose rows were filled with this status; the builder goes. */
static calr_status finish(work *w, calr_status status, calr_csr **out)
{
    if (status == CALR_OK)
        return calr_csr_builder_finish(w->builder, out);
    calr_csr_builder_release(w->builder);
    return status;
}

/* Has `body` fill the rows of a new matrix. */
static calr_status build(work *w, calr_parallel_body body, calr_csr **out)
{
    int64_t n = w->v->rows, threads = calr_parallel_threads();
    w->words = calr_bag_words(n);
    w->bags = calr_bags_new(n, threads);
    if (!w->bags)
        return calr_error(CALR_ENOMEM, "out of memory for the encodings of %" PRId64 " rows", n);
    calr_status status = calr_csr_builder_new(n, n, GRAIN, &w->builder);
    if (status == CALR_OK) {
        status = finish(w, calr_parallel_try(n, GRAIN, body, w), out);
    }
    calr_bags_release(w->bags, threads);
    return status;
}

calr_status calr_encode_average(const calr_csr *v, const int32_t *lists, int64_t width,
                                int64_t count, calr_csr **out)
{
    work w = {.v = v, .lists = lists, .width = width, .count = count};
    return build(&w, average, out);
}

/* ---- distances ---- */

/* How many pairs row i of J will have, to offsets[i + 1]. A matrix of this size is not built in pieces and then copied:
 * counting takes less time than the second half of that memory. */
static void count_pairs(void *context, int64_t begin, int64_t end, int worker)
{
    work *w = context;
    uint64_t *bits = w->bags[worker].bits;
    const calr_csr *v = w->v, *t = w->columns;
    for (int64_t i = begin; i < end && !calr_interrupt_requested(); i++) {
        bits[i / WORD] |= (uint64_t)1 << (i % WORD);
        for (int64_t p = v->offsets[i]; p < v->offsets[i + 1]; p++) {
            int32_t c = v->indices[p];
            for (int64_t q = t->offsets[c]; q < t->offsets[c + 1]; q++)
                bits[t->indices[q] / WORD] |= (uint64_t)1 << (t->indices[q] % WORD);
        }
        w->out->offsets[i + 1] = calr_bag_count(&w->bags[worker], w->words);
        memset(bits, 0, (size_t)w->words * sizeof *bits);
    }
}

/* The members of row i of J into the bag, with the common weights. Those of i and j are summed over the columns in
 * ascending order whichever of them is the row, so that the two halves of J agree bit by bit. */
static void add_common(const work *w, calr_bag *b, int64_t i)
{
    const calr_csr *v = w->v, *t = w->columns;
    for (int64_t p = v->offsets[i]; p < v->offsets[i + 1]; p++) {
        int32_t c = v->indices[p];
        float mine = v->values[p];
        for (int64_t q = t->offsets[c]; q < t->offsets[c + 1]; q++)
            calr_bag_add(b, t->indices[q], mine < t->values[q] ? mine : t->values[q]);
    }
    calr_bag_add(b, i, 0);
}

static float distance_of(float weight, bool self)
{
    float distance = 1 - weight / (2 - weight);
    return distance < 0 || self ? 0 : distance;
}

static void compare(void *context, int64_t begin, int64_t end, int worker)
{
    work *w = context;
    calr_bag *b = &w->bags[worker];
    for (int64_t i = begin; i < end && !calr_interrupt_requested(); i++) {
        int32_t *indices = w->out->indices + w->out->offsets[i];
        float *values = w->out->values + w->out->offsets[i];
        int64_t count = w->out->offsets[i + 1] - w->out->offsets[i];
        add_common(w, b, i);
        calr_bag_take(b, w->words, indices, values);
        for (int64_t p = 0; p < count; p++)
            values[p] = distance_of(values[p], indices[p] == i);
    }
}

/* The same, keeping what is near. */
static void compare_within(void *context, int64_t begin, int64_t end, int worker)
{
    work *w = context;
    calr_bag *b = &w->bags[worker];
    for (int64_t i = begin; i < end && !calr_interrupt_requested(); i++) {
        int32_t *indices = w->row_indices + worker * w->v->rows, *to;
        float *values = w->row_values + worker * w->v->rows, *to_values;
        add_common(w, b, i);
        int64_t count = calr_bag_count(b, w->words), kept = 0;
        calr_bag_take(b, w->words, indices, values);
        for (int64_t p = 0; p < count; p++) {
            indices[kept] = indices[p];
            values[kept] = distance_of(values[p], indices[p] == i);
            kept += values[kept] <= w->within;
        }
        calr_csr_builder_row(w->builder, i, kept, &to, &to_values);
        if (to) {
            memcpy(to, indices, (size_t)kept * sizeof *to);
            memcpy(to_values, values, (size_t)kept * sizeof *to_values);
        }
    }
}

static calr_status fill_within(work *w, calr_csr **out)
{
    int64_t n = w->v->rows, threads = calr_parallel_threads();
    w->row_indices = calr_array_new(n, (size_t)threads * sizeof *w->row_indices);
    w->row_values = calr_array_new(n, (size_t)threads * sizeof *w->row_values);
    calr_status status =
        w->row_indices && w->row_values
            ? calr_csr_builder_new(n, n, GRAIN, &w->builder)
            : calr_error(CALR_ENOMEM, "out of memory for the distances of %" PRId64 " rows", n);
    if (status == CALR_OK) {
        status = finish(w, calr_parallel_try(n, GRAIN, compare_within, w), out);
    }
    free(w->row_indices);
    free(w->row_values);
    return status;
}

static calr_status fill_distance(work *w, calr_csr **out)
{
    calr_csr *counts;
    int64_t n = w->v->rows;
    CALR_TRY(calr_csr_new(n, n, 0, &counts));
    w->out = counts;
    calr_status status = calr_parallel_try(n, GRAIN, count_pairs, w);
    int64_t nonzeros = 0;
    for (int64_t i = 0; status == CALR_OK && i < n; i++)
        nonzeros += counts->offsets[i + 1];
    w->out = NULL;
    if (status == CALR_OK)
        status = calr_csr_new(n, n, nonzeros, &w->out);
    if (status == CALR_OK) {
        for (int64_t i = 0; i < n; i++)
            w->out->offsets[i + 1] = w->out->offsets[i] + counts->offsets[i + 1];
        status = calr_parallel_try(n, GRAIN, compare, w);
    }
    if (status == CALR_OK)
        *out = w->out;
    else
        calr_csr_release(w->out);
    calr_csr_release(counts);
    return status;
}

calr_status calr_encode_distance(const calr_csr *v, float within, calr_csr **out)
{
    calr_csr *columns;
    int64_t n = v->rows, threads = calr_parallel_threads();
    CALR_TRY(calr_csr_transpose(v, &columns));
    work w = {.v = v,
              .columns = columns,
              .words = calr_bag_words(n),
              .bags = calr_bags_new(n, threads),
              .within = within};
    calr_status status = CALR_OK;
    if (!w.bags)
        status = calr_error(CALR_ENOMEM, "out of memory for the distances of %" PRId64 " rows", n);
    else
        status = within > 0 && within < 1 ? fill_within(&w, out) : fill_distance(&w, out);
    calr_bags_release(w.bags, threads);
    calr_csr_release(columns);
    return status;
}
