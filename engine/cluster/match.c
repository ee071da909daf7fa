#include "cluster/match.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/interrupt.h"
#include "base/size.h"
#include "labels/labels.h"

typedef struct entry {
    int64_t distance;
    int32_t column;
} entry;

/* The clusters of a are rows, those of b columns; the cost of a pair is minus the images it shares.
 * Column columns + i is row i's own, of cost 0: to stay alone. So every row finds a place. */
typedef struct assignment {
    int64_t rows, columns, all; /* all = columns + rows */
    int64_t *start;             /* [rows + 1] */
    int32_t *column;            /* [pairs] */
    int64_t *shared;            /* [pairs] */
    int64_t *row_price;         /* [rows] dual variables */
    int64_t *column_price;      /* [all] */
    int64_t *distance;          /* [all] of the search that runs */
    int32_t *from;              /* [all] row by which a column was reached */
    int32_t *row_of;            /* [all] row that has the column; -1: free */
    int32_t *column_of;         /* [rows] */
    int32_t *reached;           /* [all] columns with a distance */
    uint8_t *done;              /* [all] */
    entry *heap; /* [room]; nearest first, ties by column; entries overtaken are skipped */
    int64_t length, room;
} assignment;

static bool before(entry a, entry b)
{
    return a.distance != b.distance ? a.distance < b.distance : a.column < b.column;
}

static void heap_push(assignment *s, entry item)
{
    int64_t at = s->length++;
    while (at > 0 && before(item, s->heap[(at - 1) / 2])) {
        s->heap[at] = s->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    s->heap[at] = item;
}

static entry heap_pop(assignment *s)
{
    entry first = s->heap[0], item = s->heap[--s->length];
    int64_t at = 0;
    for (;;) {
        int64_t child = 2 * at + 1;
        if (child >= s->length)
            break;
        if (child + 1 < s->length && before(s->heap[child + 1], s->heap[child]))
            child++;
        if (!before(s->heap[child], item))
            break;
        s->heap[at] = s->heap[child];
        at = child;
    }
    s->heap[at] = item;
    return first;
}

static void relax(assignment *s, int32_t row, int32_t column, int64_t distance, int64_t *reached)
{
    if (s->done[column] || (s->distance[column] >= 0 && s->distance[column] <= distance))
        return;
    if (s->distance[column] < 0)
        s->reached[(*reached)++] = column;
    s->distance[column] = distance;
    s->from[column] = row;
    heap_push(s, (entry){distance, column});
}

static void relax_row(assignment *s, int32_t row, int64_t walked, int64_t *reached)
{
    int64_t price = walked - s->row_price[row];
    for (int64_t p = s->start[row]; p < s->start[row + 1]; p++)
        relax(s, row, s->column[p], price - s->shared[p] - s->column_price[s->column[p]], reached);
    int32_t own = (int32_t)(s->columns + row);
    relax(s, row, own, price - s->column_price[own], reached);
}

/* Finds `row` a column along the shortest alternating path (Dijkstra: all reduced costs are 0 or more),
 * then brings the prices up to date. */
static calr_status place(assignment *s, int32_t row)
{
    int64_t reached = 0, walked = 0;
    int32_t at = row, column;
    s->length = 0;
    s->row_price[row] = 0;
    for (int64_t p = s->start[row]; p < s->start[row + 1]; p++) {
        int64_t cost = -s->shared[p] - s->column_price[s->column[p]];
        s->row_price[row] = cost < s->row_price[row] ? cost : s->row_price[row];
    }
    for (;;) {
        CALR_TRY(calr_interrupt_check());
        relax_row(s, at, walked, &reached);
        do
            column = heap_pop(s).column;
        while (s->done[column]);
        s->done[column] = 1;
        walked = s->distance[column];
        if (s->row_of[column] < 0)
            break;
        at = s->row_of[column];
    }
    s->row_price[row] += walked;
    for (int64_t r = 0; r < reached; r++) {
        int32_t c = s->reached[r];
        if (s->done[c] && c != column) {
            s->row_price[s->row_of[c]] += walked - s->distance[c];
            s->column_price[c] -= walked - s->distance[c];
        }
        s->done[c] = 0;
        s->distance[c] = -1;
    }
    for (int32_t next; column >= 0; column = next) {
        int32_t owner = s->from[column];
        next = s->column_of[owner];
        s->row_of[column] = owner;
        s->column_of[owner] = column;
    }
    return CALR_OK;
}

static void clear(assignment *s)
{
    free(s->start);
    free(s->column);
    free(s->shared);
    free(s->row_price);
    free(s->column_price);
    free(s->distance);
    free(s->from);
    free(s->row_of);
    free(s->column_of);
    free(s->reached);
    free(s->done);
    free(s->heap);
}

/* The pairs of clusters that occur (numbered by `pair`), as rows with ascending columns. */
static calr_status fill(assignment *s, const int32_t *a, const int32_t *b, const int32_t *pair,
                        int64_t n, int64_t pairs)
{
    if (s->all > INT32_MAX)
        return calr_error(CALR_EINVAL, "%" PRId64 " clusters are too many to match", s->all);
    s->room = pairs + s->all + 1; /* a search offers each pair, and each row's own column, once */
    s->start = calr_array_zeros(s->rows + 2, sizeof *s->start);
    s->column = calr_array_new(pairs, sizeof *s->column);
    s->shared = calr_array_zeros(pairs, sizeof *s->shared);
    s->row_price = calr_array_zeros(s->rows, sizeof *s->row_price);
    s->column_price = calr_array_zeros(s->all, sizeof *s->column_price);
    s->distance = calr_array_new(s->all, sizeof *s->distance);
    s->from = calr_array_new(s->all, sizeof *s->from);
    s->row_of = calr_array_new(s->all, sizeof *s->row_of);
    s->column_of = calr_array_new(s->rows, sizeof *s->column_of);
    s->reached = calr_array_new(s->all, sizeof *s->reached);
    s->done = calr_array_zeros(s->all, sizeof *s->done);
    s->heap = calr_array_new(s->room, sizeof *s->heap);
    int64_t *slot = calr_array_new(pairs, sizeof *slot); /* place of each pair in its row */
    if (!s->start || !s->column || !s->shared || !s->row_price || !s->column_price ||
        !s->distance || !s->from || !s->row_of || !s->column_of || !s->reached || !s->done ||
        !s->heap || !slot) {
        free(slot);
        return calr_error(CALR_ENOMEM, "no memory to match %" PRId64 " clusters with %" PRId64,
                          s->rows, s->columns);
    }
    for (int64_t p = 0; p < pairs; p++)
        slot[p] = -1;
    for (int64_t i = 0, seen = 0; i < n; i++)
        if (pair[i] == seen) { /* pairs are numbered by first appearance */
            s->start[a[i] + 2]++;
            seen++;
        }
    for (int64_t r = 0; r < s->rows; r++)
        s->start[r + 2] += s->start[r + 1];
    for (int64_t i = 0; i < n; i++) {
        if (pair[i] < 0)
            continue;
        if (slot[pair[i]] < 0) {
            slot[pair[i]] = s->start[a[i] + 1]++;
            s->column[slot[pair[i]]] = b[i];
        }
        s->shared[slot[pair[i]]]++;
    }
    for (int64_t c = 0; c < s->all; c++) {
        s->distance[c] = -1;
        s->row_of[c] = -1;
    }
    for (int64_t r = 0; r < s->rows; r++)
        s->column_of[r] = -1;
    free(slot);
    return CALR_OK;
}

calr_status calr_labels_match(const int32_t *a, const int32_t *b, int64_t n, int32_t *partner,
                              int64_t *agreed)
{
    assignment s = {.rows = 0};
    CALR_TRY(calr_labels_clusters(a, n, &s.rows));
    CALR_TRY(calr_labels_clusters(b, n, &s.columns));
    s.all = s.rows + s.columns;
    int32_t *pair = calr_array_new(n, sizeof *pair);
    int64_t pairs = 0;
    calr_status status = pair ? calr_labels_pair(a, b, n, pair, &pairs)
                              : calr_error(CALR_ENOMEM, "no memory to match %" PRId64 " labels", n);
    if (status == CALR_OK)
        status = fill(&s, a, b, pair, n, pairs);
    for (int64_t r = 0; status == CALR_OK && r < s.rows; r++)
        status = place(&s, (int32_t)r);
    if (status == CALR_OK) {
        int64_t sum = 0;
        for (int64_t r = 0; r < s.rows; r++)
            partner[r] = s.column_of[r] < s.columns ? s.column_of[r] : -1;
        for (int64_t i = 0; i < n; i++)
            sum += pair[i] >= 0 && partner[a[i]] == b[i];
        *agreed = sum;
    }
    free(pair);
    clear(&s);
    return status;
}

calr_status calr_labels_align(const int32_t *before_labels, const int32_t *after, int64_t n,
                              int32_t *out, int64_t *clusters)
{
    int64_t old, new, agreed, next;
    CALR_TRY(calr_labels_clusters(before_labels, n, &old));
    CALR_TRY(calr_labels_clusters(after, n, &new));
    int32_t *partner = calr_array_new(new, sizeof *partner);
    if (!partner)
        return calr_error(CALR_ENOMEM, "no memory to align %" PRId64 " clusters", new);
    calr_status status = calr_labels_match(after, before_labels, n, partner, &agreed);
    next = old;
    for (int64_t i = 0; status == CALR_OK && i < n; i++) {
        int32_t label = after[i];
        if (label >= 0 && partner[label] < 0)
            partner[label] = (int32_t)next++; /* both are at most 2^30 */
        out[i] = label < 0 ? -1 : partner[label];
    }
    free(partner);
    if (status == CALR_OK && clusters)
        *clusters = next;
    return status;
}

/* How many clusters have members. */
static calr_status count_clusters(const int32_t *labels, int64_t n, int64_t *count)
{
    int32_t *canonical = calr_array_new(n, sizeof *canonical);
    if (!canonical)
        return calr_error(CALR_ENOMEM, "no memory to number %" PRId64 " labels", n);
    calr_status status = calr_labels_canonical(labels, n, 1, canonical, count);
    free(canonical);
    return status;
}

calr_status calr_labels_stability(const int32_t *before_labels, const int32_t *after, int64_t n,
                                  calr_stability *out)
{
    int64_t old, first, second;
    CALR_TRY(calr_labels_clusters(before_labels, n, &old));
    CALR_TRY(count_clusters(before_labels, n, &first));
    CALR_TRY(count_clusters(after, n, &second));
    int32_t *partner = calr_array_new(old, sizeof *partner);
    if (!partner)
        return calr_error(CALR_ENOMEM, "no memory to match %" PRId64 " clusters", old);
    calr_stability result = {0};
    calr_status status = calr_labels_match(before_labels, after, n, partner, &result.agreed);
    for (int64_t c = 0; status == CALR_OK && c < old; c++)
        result.matched += partner[c] >= 0;
    for (int64_t i = 0; status == CALR_OK && i < n; i++) {
        result.both += before_labels[i] >= 0 && after[i] >= 0;
        result.either += before_labels[i] >= 0 || after[i] >= 0;
    }
    free(partner);
    result.vanished = first - result.matched;
    result.appeared = second - result.matched;
    if (status == CALR_OK)
        *out = result;
    return status;
}
