#include "neighbours/graph.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clones.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "base/size.h"
#include "neighbours/graph_internal.h"
#include "neighbours/nearest.h"

enum {
    ROW_GRAIN = 64,
    LINKS = 32,
    LEAST_LINKS = 4,
    EFFORT = 64,
    STRIDE = 32, /* bytes that a row is a multiple of: a vector of AVX2 */
    SAMPLE = 512 /* rows that the step is chosen by */
};

calr_status calr_graph_no_memory(int64_t n, int64_t d)
{
    return calr_error(CALR_ENOMEM,
                      "out of memory for a graph of %" PRId64 " rows of %" PRId64 " numbers", n, d);
}

/* ---- rows as bytes ---- */

static void copy_row(const calr_graph *graph, int64_t row, float *to)
{
    const float *from = graph->x + row * graph->d;
    if (graph->metric == CALR_COSINE)
        calr_row_unit(from, graph->d, graph->length[row], to);
    else
        calr_row_centred(from, graph->d, graph->centre, graph->scale, to);
}

static inline float whole_of(float value, float inverse)
{
    float whole = rintf(value * inverse);
    return whole > 127 ? 127 : whole < -127 ? -127 : whole;
}

/* Sum of squares that bytes of this step leave out. */
static CALR_CLONES double squares_left(const float *copy, int64_t d, float step)
{
    float inverse = 1 / step, sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t c = 0; c < d; c++) {
        float e = copy[c] - step * whole_of(copy[c], inverse);
        sum += e * e;
    }
    return sum;
}

static CALR_CLONES double write_bytes(const float *copy, int64_t d, float step, int8_t *to)
{
    float inverse = 1 / step;
    double sum = 0;
    for (int64_t c = 0; c < d; c++) {
        float whole = whole_of(copy[c], inverse);
        double e = (double)copy[c] - (double)step * whole;
        to[c] = (int8_t)(int32_t)whole;
        sum += e * e;
    }
    return sqrt(sum);
}

double calr_graph_write_bytes(const calr_graph *graph, const float *copy, int8_t *to)
{
    memset(to + graph->d, 0, (size_t)(graph->stride - graph->d));
    return write_bytes(copy, graph->d, (float)graph->step, to);
}

/* One step for all rows, so that distances of bytes are those of rows. The largest number of a few rows may be far
 * beyond the others: of some steps that cut it off, that with the least left out of a sample is taken. */
static calr_status choose_step(calr_graph *graph)
{
    enum { STEPS = 16 };
    int64_t count = graph->n < SAMPLE ? graph->n : SAMPLE, d = graph->d;
    float *copy = calr_array_new(d, sizeof *copy), most = 0;
    double left[STEPS] = {0};
    if (!copy)
        return calr_graph_no_memory(graph->n, d);
    for (int pass = 0; pass < 2; pass++)
        for (int64_t i = 0; i < count; i++) {
            copy_row(graph, i * graph->n / count, copy);
            for (int64_t c = 0; pass == 0 && c < d; c++)
                most = fmaxf(most, fabsf(copy[c]));
            for (int s = 0; pass == 1 && s < STEPS && most > 0; s++)
                left[s] += squares_left(copy, d, most / 127 * exp2f(-(float)s / 4));
        }
    free(copy);
    int best = 0;
    for (int s = 1; s < STEPS; s++)
        best = left[s] < left[best] ? s : best;
    graph->step = most > 0 ? (double)(most / 127 * exp2f(-(float)best / 4)) : 1;
    return CALR_OK;
}

typedef struct fill {
    calr_graph *graph;
    float *copies; /* [threads x d] */
} fill;

static void fill_rows(void *context, int64_t begin, int64_t end, int worker)
{
    fill *f = context;
    calr_graph *graph = f->graph;
    float *copy = f->copies + worker * graph->d;
    for (int64_t place = begin; place < end; place++) {
        copy_row(graph, graph->rows[place], copy);
        graph->left[place] =
            (float)calr_graph_write_bytes(graph, copy, graph->bytes + place * graph->stride);
    }
}

/* Memory that begins with a cache line, for whole rows; NULL where there is none. */
static int8_t *new_bytes(int64_t n, int64_t stride)
{
    int64_t size;
    if (__builtin_mul_overflow(n, stride, &size) || size > INT64_MAX - 2 * CALR_GRAPH_LINE)
        return NULL;
    size = (size / CALR_GRAPH_LINE + 1) * CALR_GRAPH_LINE;
    return aligned_alloc(CALR_GRAPH_LINE, (size_t)size);
}

static calr_status make_bytes(calr_graph *graph)
{
    int64_t threads = calr_parallel_threads();
    CALR_TRY(choose_step(graph));
    fill f = {graph, calr_array_new(graph->d, (size_t)threads * sizeof(float))};
    graph->bytes = new_bytes(graph->count, graph->stride);
    graph->left = calr_array_new(graph->count, sizeof *graph->left);
    calr_status status = f.copies && graph->bytes && graph->left
                             ? calr_parallel_try(graph->count, ROW_GRAIN, fill_rows, &f)
                             : calr_graph_no_memory(graph->n, graph->d);
    free(f.copies);
    for (int64_t place = 0; status == CALR_OK && place < graph->count; place++)
        graph->most_left = fmaxf(graph->most_left, graph->left[place]);
    return status;
}

/* ---- the whole ---- */

static calr_status measure(calr_graph *graph)
{
    graph->length = calr_array_new(graph->n, sizeof *graph->length);
    if (!graph->length)
        return calr_graph_no_memory(graph->n, graph->d);
    if (graph->metric == CALR_EUCLIDEAN)
        CALR_TRY(calr_rows_mean(graph->x, graph->n, graph->d, &graph->centre));
    CALR_TRY(
        calr_rows_measure(graph->x, graph->n, graph->d, graph->centre, "the rows", graph->length));
    double longest = 0;
    for (int64_t i = 0; i < graph->n; i++)
        longest = fmax(longest, graph->length[i]);
    graph->scale = longest > 0 ? 1 / longest : 1;
    return CALR_OK;
}

static void shuffle(int32_t *rows, int64_t count, uint64_t seed)
{
    calr_rng rng = calr_rng_make(seed, calr_rng_purpose("graph order"), 0, 0);
    for (int64_t i = count - 1; i > 0; i--) {
        int64_t at = (int64_t)calr_rng_below(&rng, (uint64_t)i + 1);
        int32_t row = rows[at];
        rows[at] = rows[i];
        rows[i] = row;
    }
}

/* What a file says. */
typedef struct given {
    int64_t places;
    const int32_t *order, *links;
} given;

/* Takes the order that is given: every row that stands for itself once. first: as calr_graph_find_twins. */
static calr_status take_order(calr_graph *graph, const given *from, const int32_t *first)
{
    if (from->places != graph->count)
        return calr_error(CALR_EFORMAT, "%" PRId64 " places for %" PRId64 " different rows",
                          from->places, graph->count);
    for (int64_t i = 0; i < graph->count; i++) {
        int32_t row = from->order[i];
        if (row < 0 || row >= graph->n || first[row] != row || graph->places[row] >= 0)
            return calr_error(CALR_EFORMAT,
                              "place %" PRId64 " (from 0) holds row %" PRId32
                              ", which is none, equals a lower one or stands before",
                              i, row);
        graph->rows[i] = row;
        graph->places[row] = (int32_t)i;
    }
    return CALR_OK;
}

/* A random order of the rows that stand for themselves, or the one given. */
static calr_status order_rows(calr_graph *graph, uint64_t seed, const given *from,
                              const int32_t *first)
{
    int64_t n = graph->n;
    graph->rows = calr_array_new(n, sizeof *graph->rows);
    graph->places = calr_array_new(n, sizeof *graph->places);
    if (!graph->rows || !graph->places)
        return calr_graph_no_memory(n, graph->d);
    for (int64_t i = 0; i < n; i++) {
        graph->places[i] = -1;
        if (first[i] == i)
            graph->rows[graph->count++] = (int32_t)i;
    }
    if (from)
        CALR_TRY(take_order(graph, from, first));
    else
        shuffle(graph->rows, graph->count, seed);
    for (int64_t place = 0; place < graph->count; place++)
        graph->places[graph->rows[place]] = (int32_t)place;
    for (int64_t i = 0; i < n; i++)
        graph->places[i] = graph->places[first[i]];
    return calr_graph_list_twins(graph);
}

static calr_status place_rows(calr_graph *graph, uint64_t seed, const given *from)
{
    int32_t *first = calr_array_new(graph->n, sizeof *first);
    calr_status status =
        first ? calr_graph_find_twins(graph, first) : calr_graph_no_memory(graph->n, graph->d);
    if (status == CALR_OK)
        status = order_rows(graph, seed, from, first);
    free(first);
    return status;
}

static calr_status check_options(int64_t n, int64_t d, const calr_graph_options *o)
{
    if (n < 0 || n > INT32_MAX || d < 1)
        return calr_error(CALR_EINVAL,
                          "an index needs rows of at least one number, not %" PRId64 " x %" PRId64,
                          n, d);
    if (d > CALR_GRAPH_MOST_COLUMNS)
        return calr_error(CALR_EINVAL,
                          "rows of %" PRId64
                          " numbers: a graph takes at most %d (calr_ivf takes more)",
                          d, CALR_GRAPH_MOST_COLUMNS);
    if (o->links != 0 && (o->links < LEAST_LINKS || o->links > CALR_GRAPH_MOST_LINKS))
        return calr_error(CALR_EINVAL, "links must be %d .. %d, not %" PRId64, LEAST_LINKS,
                          CALR_GRAPH_MOST_LINKS, o->links);
    if (o->effort < 0)
        return calr_error(CALR_EINVAL, "effort must be at least 1, not %" PRId64, o->effort);
    return CALR_OK;
}

static calr_status copy_links(calr_graph *graph, const int32_t *links)
{
    for (int64_t at = 0; at < graph->count * graph->width; at++) {
        bool ended = at % graph->width > 0 && links[at - 1] < 0;
        if (links[at] < -1 || links[at] >= graph->count || links[at] == at / graph->width ||
            (ended && links[at] >= 0))
            return calr_error(CALR_EFORMAT,
                              "link %" PRId64 " of place %" PRId64 " (from 0) is %" PRId32
                              ", which is none of %" PRId64 " places",
                              at % graph->width, at / graph->width, links[at], graph->count);
        graph->links[at] = links[at];
    }
    return CALR_OK;
}

static calr_status fill_graph(calr_graph *graph, const calr_graph_options *options,
                              const given *from)
{
    CALR_TRY(measure(graph));
    CALR_TRY(place_rows(graph, options->seed, from));
    CALR_TRY(make_bytes(graph));
    graph->entries = (int64_t)llround(sqrt((double)graph->count));
    graph->links = calr_array_new(graph->count, (size_t)graph->width * sizeof *graph->links);
    if (!graph->links)
        return calr_graph_no_memory(graph->n, graph->d);
    return from ? copy_links(graph, from->links)
                : calr_graph_build(graph, options->effort > 0 ? options->effort : EFFORT);
}

static calr_status make(const float *x, int64_t n, int64_t d, const calr_graph_options *options,
                        const given *from, calr_graph **out)
{
    CALR_TRY(check_options(n, d, options));
    calr_graph *graph = calr_array_zeros(1, sizeof *graph);
    if (!graph)
        return calr_graph_no_memory(n, d);
    graph->x = x;
    graph->n = n;
    graph->d = d;
    graph->metric = options->metric;
    graph->width = options->links > 0 ? options->links : LINKS;
    graph->stride = (d + STRIDE - 1) / STRIDE * STRIDE;
    calr_status status = n > 0 ? fill_graph(graph, options, from) : CALR_OK;
    if (status != CALR_OK) {
        calr_graph_free(graph);
        return status;
    }
    *out = graph;
    return CALR_OK;
}

calr_status calr_graph_new(const float *x, int64_t n, int64_t d, const calr_graph_options *options,
                           calr_graph **out)
{
    return make(x, n, d, options, NULL, out);
}

calr_status calr_graph_restore(const float *x, int64_t n, int64_t d,
                               const calr_graph_options *options, int64_t places,
                               const int32_t *order, const int32_t *links, calr_graph **out)
{
    given from = {places, order, links};
    return make(x, n, d, options, &from, out);
}

void calr_graph_free(calr_graph *graph)
{
    if (!graph)
        return;
    if (graph->borrowed) {
        free(graph);
        return;
    }
    free(graph->bytes);
    free(graph->left);
    free(graph->links);
    free(graph->rows);
    free(graph->places);
    free(graph->twin_starts);
    free(graph->twins);
    free(graph->length);
    free(graph->centre);
    free(graph);
}

int64_t calr_graph_size(const calr_graph *graph)
{
    return graph->n;
}

int64_t calr_graph_width(const calr_graph *graph)
{
    return graph->width;
}

int64_t calr_graph_places(const calr_graph *graph)
{
    return graph->count;
}

int64_t calr_graph_links(const calr_graph *graph)
{
    int64_t count = 0;
    for (int64_t at = 0; at < graph->count * graph->width; at++)
        count += graph->links[at] >= 0;
    return count;
}

void calr_graph_export(const calr_graph *graph, int32_t *order, int32_t *links)
{
    if (graph->count == 0)
        return;
    memcpy(order, graph->rows, (size_t)graph->count * sizeof *order);
    memcpy(links, graph->links, (size_t)(graph->count * graph->width) * sizeof *links);
}
