#include "image/resize.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "image/pixels.h"

#define MAX_SIDE 65535
#define TABLES   16 /* sizes remembered; a batch of street images has a handful */

/* The weights of one direction: result i is the sum over k < count[i] of weight[i * taps + k] *
 * pixel[first[i] + k]. */
typedef struct table {
    calr_filter filter;
    int from, to; /* sizes; 0: an empty place */
    int taps;
    int pair_step; /* numbers of `pairs` for each result */
    int32_t *first, *count, *weight, *pairs;
    uint64_t used; /* when it was used last */
} table;

struct calr_resizer {
    const calr_pixel_kernels *kernels;
    table tables[TABLES];
    uint64_t clock;
    uint8_t *between; /* after the first pass */
    size_t between_size;
    uint8_t *strips; /* see rows_across */
    size_t strips_size;
};

calr_status calr_resizer_new(calr_resizer **out)
{
    calr_resizer *resizer = calloc(1, sizeof *resizer);
    if (!resizer)
        return calr_error(CALR_ENOMEM, "no memory for a resizer");
    resizer->kernels = calr_pixels_best();
    *out = resizer;
    return CALR_OK;
}

static void table_clear(table *t)
{
    free(t->first);
    free(t->count);
    free(t->weight);
    free(t->pairs);
    *t = (table){0};
}

void calr_resizer_release(calr_resizer *resizer)
{
    if (!resizer)
        return;
    for (int i = 0; i < TABLES; i++)
        table_clear(&resizer->tables[i]);
    free(resizer->between);
    free(resizer->strips);
    free(resizer);
}

/* ---- weights ---- */

static double bicubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2)
        return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}

static double bilinear(double x)
{
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

/* The arithmetic follows Pillow's precompute_coeffs and normalize_coeffs_8bpc step by step: another
 * order of operations rounds some weights differently. */
static void table_fill_row(table *t, int i, double scale, double widen, double support, double *raw)
{
    double (*kernel)(double) = t->filter == CALR_BICUBIC ? bicubic : bilinear;
    double center = (i + 0.5) * scale, inverse = 1.0 / widen, total = 0;
    int first = (int)(center - support + 0.5), last = (int)(center + support + 0.5);
    if (first < 0)
        first = 0;
    if (last > t->from)
        last = t->from;
    int count = last - first;
    for (int k = 0; k < count; k++) {
        raw[k] = kernel((k + first - center + 0.5) * inverse);
        total += raw[k];
    }
    int32_t *weight = t->weight + (size_t)i * (size_t)t->taps;
    for (int k = 0; k < count; k++) {
        double w = total != 0 ? raw[k] / total : raw[k];
        weight[k] = (int32_t)((w < 0 ? -0.5 : 0.5) + w * (1 << CALR_PIXELS_FRACTION));
    }
    calr_pixels_pair(weight, count, t->pairs + (size_t)i * (size_t)t->pair_step);
    t->first[i] = first;
    t->count[i] = count;
}

static calr_status table_fill(table *t, calr_filter filter, int from, int to)
{
    double scale = (double)from / to, widen = scale < 1 ? 1 : scale;
    double support = (filter == CALR_BICUBIC ? 2.0 : 1.0) * widen;
    *t = (table){.filter = filter, .from = from, .to = to, .taps = (int)ceil(support) * 2 + 1};
    t->pair_step = 2 * ((t->taps + 1) / 2);
    t->first = calr_array_new(to, sizeof *t->first);
    t->count = calr_array_new(to, sizeof *t->count);
    t->weight = calr_array_zeros((int64_t)to * t->taps, sizeof *t->weight);
    t->pairs = calr_array_zeros((int64_t)to * t->pair_step, sizeof *t->pairs);
    double *raw = calr_array_new(t->taps, sizeof *raw);
    calr_status status = CALR_OK;
    if (!t->first || !t->count || !t->weight || !t->pairs || !raw)
        status = calr_error(CALR_ENOMEM, "no memory for the weights of resizing %d to %d pixels",
                            from, to);
    for (int i = 0; status == CALR_OK && i < to; i++)
        table_fill_row(t, i, scale, widen, support, raw);
    free(raw);
    if (status != CALR_OK)
        table_clear(t);
    return status;
}

/* Finds or makes the table, in the place of the one unused for longest but never of `keep`. */
static calr_status table_find(calr_resizer *resizer, calr_filter filter, int from, int to,
                              const table *keep, table **out)
{
    table *oldest = NULL;
    resizer->clock++;
    for (int i = 0; i < TABLES; i++) {
        table *t = &resizer->tables[i];
        if (t->from == from && t->to == to && t->filter == filter) {
            t->used = resizer->clock;
            *out = t;
            return CALR_OK;
        }
        if (t != keep && (!oldest || t->used < oldest->used))
            oldest = t;
    }
    table_clear(oldest);
    CALR_TRY(table_fill(oldest, filter, from, to));
    oldest->used = resizer->clock;
    *out = oldest;
    return CALR_OK;
}

/* ---- the two passes ---- */

#define BLOCK 64 /* bytes of a row of a strip */
#define STRIP 21 /* rows whose pixels of one column fill a block: 63 bytes and one to spare */

/* All rows down: from u8[from x width] -> to u8[to x width]. */
static void rows_down(const calr_pixel_kernels *kernels, const table *t, const uint8_t *from,
                      size_t width, uint8_t *to)
{
    for (int i = 0; i < t->to; i++, to += width) {
        calr_pixel_weights weights = {t->count[i], t->weight + (size_t)i * (size_t)t->taps,
                                      t->pairs + (size_t)i * (size_t)t->pair_step};
        kernels->weigh(&weights, from + (size_t)t->first[i] * width, width, width, to);
    }
}

/* Between rows of pixels and a strip, u8[count x BLOCK]: pixel x of row r at byte 3 r of block x.
 * Four bytes are moved for three, except at the row's end; the fourth is overwritten by what
 * follows, or never looked at. */
static void gather_row(const uint8_t *row, int count, int r, uint8_t *strip)
{
    strip += 3 * r;
    for (int x = 0; x < count - 1; x++)
        memcpy(strip + (size_t)x * BLOCK, row + 3 * (size_t)x, 4);
    memcpy(strip + (size_t)(count - 1) * BLOCK, row + 3 * (size_t)(count - 1), 3);
}

static void scatter_row(const uint8_t *strip, int count, int r, uint8_t *row)
{
    strip += 3 * r;
    for (int x = 0; x < count - 1; x++)
        memcpy(row + 3 * (size_t)x, strip + (size_t)x * BLOCK, 4);
    memcpy(row + 3 * (size_t)(count - 1), strip + (size_t)(count - 1) * BLOCK, 3);
}

static calr_status reserve(uint8_t **memory, size_t *have, size_t need)
{
    if (need <= *have)
        return CALR_OK;
    free(*memory);
    *memory = malloc(need);
    *have = *memory ? need : 0;
    return *memory ? CALR_OK : calr_error(CALR_ENOMEM, "no memory for %zu bytes of resizing", need);
}

/* All rows across: from u8[height x from x 3] -> to u8[height x to x 3]. Going across one row would
 * use a quarter of a register at best; strips of rows turned on their side make it the same work as
 * going down. */
static calr_status rows_across(calr_resizer *resizer, const table *t, const uint8_t *from,
                               int height, uint8_t *to)
{
    size_t from_row = 3 * (size_t)t->from, to_row = 3 * (size_t)t->to;
    CALR_TRY(reserve(&resizer->strips, &resizer->strips_size,
                     ((size_t)t->from + (size_t)t->to) * BLOCK));
    uint8_t *before = resizer->strips, *after = before + (size_t)t->from * BLOCK;
    memset(before, 0, (size_t)t->from * BLOCK); /* the last strip may be partly empty */
    for (int y = 0; y < height; y += STRIP) {
        int rows = height - y < STRIP ? height - y : STRIP;
        for (int r = 0; r < rows; r++)
            gather_row(from + (size_t)(y + r) * from_row, t->from, r, before);
        rows_down(resizer->kernels, t, before, BLOCK, after);
        for (int r = 0; r < rows; r++)
            scatter_row(after, t->to, r, to + (size_t)(y + r) * to_row);
    }
    return CALR_OK;
}

calr_status calr_resize(calr_resizer *resizer, calr_filter filter, const uint8_t *from, int width,
                        int height, uint8_t *to, int to_width, int to_height)
{
    if (width < 1 || height < 1 || width > MAX_SIDE || height > MAX_SIDE)
        return calr_error(CALR_EINVAL, "an image of %d x %d pixels cannot be resized", width,
                          height);
    if (to_width < 1 || to_height < 1 || to_width > MAX_SIDE || to_height > MAX_SIDE)
        return calr_error(CALR_EINVAL, "an image cannot be resized to %d x %d pixels", to_width,
                          to_height);
    if ((unsigned)filter > CALR_BILINEAR)
        return calr_error(CALR_EINVAL, "there is no filter %d", (int)filter);
    bool across = width != to_width, down = height != to_height;
    size_t from_row = 3 * (size_t)width, to_row = 3 * (size_t)to_width;
    if (!across && !down) {
        memcpy(to, from, from_row * (size_t)height);
        return CALR_OK;
    }
    table *across_table = NULL, *down_table = NULL;
    if (across)
        CALR_TRY(table_find(resizer, filter, width, to_width, NULL, &across_table));
    if (down)
        CALR_TRY(table_find(resizer, filter, height, to_height, across_table, &down_table));
    if (!across) {
        rows_down(resizer->kernels, down_table, from, from_row, to);
        return CALR_OK;
    }
    if (!down)
        return rows_across(resizer, across_table, from, height, to);
    CALR_TRY(reserve(&resizer->between, &resizer->between_size, to_row * (size_t)height));
    CALR_TRY(rows_across(resizer, across_table, from, height, resizer->between));
    rows_down(resizer->kernels, down_table, resizer->between, to_row, to);
    return CALR_OK;
}
