#include "neighbours/camera_jaccard.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/interrupt.h"
#include "base/parallel.h"
#include "base/size.h"
#include "labels/labels.h"
#include "neighbours/encode.h"
#include "neighbours/knn.h"

/* Neighbours of all rows on one side: among the images of their own camera, or among all others. */
typedef struct side {
    int64_t width;     /* entries of a list; */
    int32_t *rank;     /* [n x width] -1 past its end */
    float *similarity; /* [n x width] */
} side;

typedef struct work {
    const float *x;
    int64_t n, d, cameras;
    int32_t *camera; /* [n] canonical */
    int64_t *count;  /* [cameras] */
    side intra, inter;
    /* Of the search of one camera: */
    float *query, *base; /* rows of it and the rows looked among; NULL when they are the same */
    int32_t *members, *others; /* [n] numbers of those rows */
    int32_t *found;            /* [n x k] */
    float *values;
    calr_csr_builder *builder;
    struct member *sets; /* [threads x (intra.width + inter.width)] */
} work;

/* ---- lists ---- */

/* The rows that are (or are not) of the camera, and their numbers. */
static int64_t gather(const work *w, int64_t camera, bool of_it, int32_t *numbers, float *rows)
{
    int64_t count = 0;
    for (int64_t i = 0; i < w->n && !calr_interrupt_due(i); i++) {
        if ((w->camera[i] == camera) != of_it)
            continue;
        numbers[count] = (int32_t)i;
        memcpy(rows + count++ * w->d, w->x + i * w->d, (size_t)w->d * sizeof *rows);
    }
    return count;
}

static void spread(const work *w, const int32_t *numbers, int64_t members, int64_t k, side *to)
{
    for (int64_t m = 0; m < members; m++) {
        int64_t row = w->members[m];
        for (int64_t p = 0; p < k; p++) {
            to->rank[row * to->width + p] = numbers[w->found[m * k + p]];
            to->similarity[row * to->width + p] = w->values[m * k + p];
        }
    }
}

static calr_status search_camera(work *w, int64_t camera)
{
    int64_t members = gather(w, camera, true, w->members, w->query);
    int64_t others = gather(w, camera, false, w->others, w->base);
    CALR_TRY(calr_interrupt_check());
    int64_t k = w->intra.width < members ? w->intra.width : members;
    CALR_TRY(calr_knn(w->query, members, NULL, 0, w->d, k, CALR_COSINE, true, w->found, w->values));
    spread(w, w->members, members, k, &w->intra);
    k = w->inter.width < others ? w->inter.width : others;
    if (k == 0)
        return CALR_OK;
    CALR_TRY(calr_knn(w->query, members, w->base, others, w->d, k, CALR_COSINE, false, w->found,
                      w->values));
    spread(w, w->others, members, k, &w->inter);
    return CALR_OK;
}

static calr_status side_new(side *s, int64_t n)
{
    s->rank = calr_array_new(n, (size_t)s->width * sizeof *s->rank);
    s->similarity = calr_array_new(n, (size_t)s->width * sizeof *s->similarity);
    if (!s->rank || !s->similarity)
        return calr_error(CALR_ENOMEM, "out of memory for the neighbours of %" PRId64 " rows", n);
    for (int64_t e = 0; e < n * s->width; e++)
        s->rank[e] = -1;
    return CALR_OK;
}

/* A row with a NaN must be named by its own number, not by its place in its camera. */
static calr_status check_rows(const work *w)
{
    for (int64_t i = 0; i < w->n; i++) {
        CALR_TRY(calr_interrupt_check());
        for (int64_t c = 0; c < w->d; c++)
            if (!isfinite(w->x[i * w->d + c]))
                return calr_error(CALR_ENUMERIC,
                                  "row %" PRId64 " (from 0) holds a NaN or an infinity", i);
    }
    return CALR_OK;
}

static calr_status search(work *w)
{
    int64_t widest = w->intra.width > w->inter.width ? w->intra.width : w->inter.width, numbers,
            largest = 0;
    w->count = calr_array_new(w->cameras, sizeof *w->count);
    if (!w->count)
        return calr_error(CALR_ENOMEM, "out of memory for %" PRId64 " cameras", w->cameras);
    calr_labels_count(w->camera, w->n, w->cameras, w->count);
    for (int64_t c = 0; c < w->cameras; c++)
        largest = w->count[c] > largest ? w->count[c] : largest;
    if (!__builtin_mul_overflow(w->n, w->d, &numbers)) {
        w->query = calr_array_new(largest, (size_t)w->d * sizeof *w->query);
        w->base = calr_array_new(numbers, sizeof *w->base);
    }
    w->members = calr_array_new(w->n, sizeof *w->members);
    w->others = calr_array_new(w->n, sizeof *w->others);
    w->found = calr_array_new(largest, (size_t)widest * sizeof *w->found);
    w->values = calr_array_new(largest, (size_t)widest * sizeof *w->values);
    if (!w->query || !w->base || !w->members || !w->others || !w->found || !w->values)
        return calr_error(CALR_ENOMEM,
                          "out of memory for copies of %" PRId64 " x %" PRId64 " features", w->n,
                          w->d);
    CALR_TRY(side_new(&w->intra, w->n));
    CALR_TRY(side_new(&w->inter, w->n));
    for (int64_t c = 0; c < w->cameras; c++)
        CALR_TRY(search_camera(w, c));
    return CALR_OK;
}

/* ---- weights ---- */

typedef struct member {
    int32_t row;
    float similarity;
} member;

static int by_row(const void *a, const void *b)
{
    const member *p = a, *q = b;
    return (p->row > q->row) - (p->row < q->row);
}

/* Adds the entries of i's list that have i in theirs. */
static int64_t add_reciprocal(const side *s, int64_t i, member *set, int64_t count)
{
    for (int64_t p = 0; p < s->width; p++) {
        int32_t j = s->rank[i * s->width + p];
        if (j < 0)
            break;
        for (int64_t q = 0; q < s->width; q++)
            if (s->rank[j * s->width + q] == i)
                set[count++] = (member){j, s->similarity[i * s->width + p]};
    }
    return count;
}

static void weigh(void *context, int64_t begin, int64_t end, int worker)
{
    work *w = context;
    member *set = w->sets + worker * (w->intra.width + w->inter.width);
    for (int64_t i = begin; i < end && !calr_interrupt_requested(); i++) {
        int64_t count = add_reciprocal(&w->intra, i, set, 0);
        count = add_reciprocal(&w->inter, i, set, count);
        int32_t *indices;
        float *values;
        calr_csr_builder_row(w->builder, i, count, &indices, &values);
        if (!indices)
            continue;
        qsort(set, (size_t)count, sizeof *set, by_row);
        double sum = 0;
        for (int64_t p = 0; p < count; p++) {
            indices[p] = set[p].row;
            values[p] = expf(2 * set[p].similarity - 2);
            sum += values[p];
        }
        for (int64_t p = 0; p < count; p++)
            values[p] = (float)(values[p] / sum);
    }
}

/* The lists that V is averaged over: k2_intra of the own camera, then k2_inter of the others. */
static calr_status expand(const work *w, const calr_camera_jaccard_options *o, const calr_csr *v,
                          calr_csr **out)
{
    int64_t width = o->k2_intra + o->k2_inter;
    int32_t *lists = calr_array_new(w->n, (size_t)width * sizeof *lists);
    if (!lists)
        return calr_error(CALR_ENOMEM, "out of memory for the neighbours of %" PRId64 " rows",
                          w->n);
    for (int64_t i = 0; i < w->n; i++) {
        int64_t count = 0;
        const int32_t *intra = w->intra.rank + i * w->intra.width,
                      *inter = w->inter.rank + i * w->inter.width;
        for (int64_t p = 0; p < o->k2_intra && intra[p] >= 0; p++)
            lists[i * width + count++] = intra[p];
        for (int64_t p = 0; p < o->k2_inter && inter[p] >= 0; p++)
            lists[i * width + count++] = inter[p];
        for (; count < width; count++)
            lists[i * width + count] = -1;
    }
    calr_status status = calr_encode_average(v, lists, width, width, out);
    free(lists);
    return status;
}

static calr_status encode(work *w, const calr_camera_jaccard_options *o, calr_csr **out)
{
    calr_csr *v, *mean;
    w->sets = calr_array_new(calr_parallel_threads(),
                             (size_t)(w->intra.width + w->inter.width) * sizeof *w->sets);
    if (!w->sets)
        return calr_error(CALR_ENOMEM, "out of memory for sets of neighbours");
    CALR_TRY(calr_csr_builder_new(w->n, w->n, CALR_ENCODE_GRAIN, &w->builder));
    calr_status status = calr_parallel_try(w->n, CALR_ENCODE_GRAIN, weigh, w);
    if (status != CALR_OK) {
        calr_csr_builder_release(w->builder);
        return status;
    }
    CALR_TRY(calr_csr_builder_finish(w->builder, &v));
    if (o->k2_intra > 1 || o->k2_inter > 0) {
        status = expand(w, o, v, &mean);
        calr_csr_release(v);
        CALR_TRY(status);
        v = mean;
    }
    status = calr_encode_distance(v, 0, out);
    calr_csr_release(v);
    return status;
}

/* ---- the whole ---- */

static calr_status check_arguments(const int32_t *cameras, int64_t n, int64_t d,
                                   const calr_camera_jaccard_options *o)
{
    if (n < 0 || d < 1 || n > INT32_MAX)
        return calr_error(CALR_EINVAL,
                          "a Jaccard distance needs rows of at least one number, not %" PRId64
                          " x %" PRId64,
                          n, d);
    if (o->k1_intra < 0 || o->k1_inter < 0 || o->k1_intra > INT32_MAX - 1 ||
        o->k1_inter > INT32_MAX - 1)
        return calr_error(CALR_EINVAL,
                          "neighbours are counted from 0 on, not k1_intra = %" PRId64
                          ", k1_inter = %" PRId64,
                          o->k1_intra, o->k1_inter);
    if (o->k2_intra < 1 || o->k2_intra > o->k1_intra + 1 || o->k2_inter < 0 ||
        o->k2_inter > o->k1_inter)
        return calr_error(
            CALR_EINVAL,
            "k2_intra must be 1 to k1_intra + 1 and k2_inter 0 to k1_inter, not %" PRId64
            " and %" PRId64,
            o->k2_intra, o->k2_inter);
    for (int64_t i = 0; i < n; i++)
        if (cameras[i] < 0)
            return calr_error(CALR_EINVAL,
                              "row %" PRId64 " (from 0) has camera %" PRId32
                              ": cameras are 0 or more",
                              i, cameras[i]);
    return CALR_OK;
}

calr_status calr_camera_jaccard(const float *x, const int32_t *cameras, int64_t n, int64_t d,
                                const calr_camera_jaccard_options *options, calr_csr **out)
{
    CALR_TRY(check_arguments(cameras, n, d, options));
    if (n == 0)
        return calr_csr_new(0, 0, 0, out);
    work w = {.x = x, .n = n, .d = d};
    w.intra.width = options->k1_intra < n ? options->k1_intra + 1 : n;
    w.inter.width = options->k1_inter < n ? options->k1_inter : n;
    /* Lists longer than there are rows hold no more. */
    calr_camera_jaccard_options o = *options;
    o.k2_intra = o.k2_intra < w.intra.width ? o.k2_intra : w.intra.width;
    o.k2_inter = o.k2_inter < w.inter.width ? o.k2_inter : w.inter.width;
    w.camera = calr_array_new(n, sizeof *w.camera);
    calr_status status = w.camera
                             ? calr_labels_canonical(cameras, n, 1, w.camera, &w.cameras)
                             : calr_error(CALR_ENOMEM, "out of memory for %" PRId64 " cameras", n);
    if (status == CALR_OK)
        status = check_rows(&w);
    if (status == CALR_OK)
        status = search(&w);
    if (status == CALR_OK)
        status = encode(&w, &o, out);
    free(w.camera);
    free(w.count);
    free(w.query);
    free(w.base);
    free(w.members);
    free(w.others);
    free(w.found);
    free(w.values);
    free(w.intra.rank);
    free(w.intra.similarity);
    free(w.inter.rank);
    free(w.inter.similarity);
    free(w.sets);
    return status;
}
