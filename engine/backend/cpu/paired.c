#include "backend/cpu/paired.h"

#include "backend/cpu/kernels.h"

typedef struct walk {
    const calr_pairing *pairing;
    int operands;
    calr_paired_row row;
    const void *x[3];
    size_t size[3], y_size;
    double p;
    char *y;
    /* Elements of a row; pieces that it is cut into, and elements of one. Of short rows: pieces of the dimension
     * before, and rows of one. */
    int64_t n, parts, part;
} walk;

/* Where row `row` of each operand begins. */
static void place(const walk *w, int64_t row, int64_t at[3])
{
    const calr_pairing *p = w->pairing;
    at[0] = at[1] = at[2] = 0;
    for (int d = p->ndim - 2; d >= 0; d--) {
        int64_t i = row % p->shape[d];
        row /= p->shape[d];
        for (int k = 0; k < w->operands; k++)
            at[k] += i * p->step[k][d];
    }
}

/* Items are pieces of rows. */
static void walk_rows(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const walk *w = context;
    const calr_pairing *p = w->pairing;
    int last = p->ndim - 1;
    int64_t step[3] = {0, 0, 0};
    for (int k = 0; k < w->operands; k++)
        step[k] = p->step[k][last];
    for (int64_t item = begin; item < end; item++) {
        int64_t row = item / w->parts, from = item % w->parts * w->part, at[3];
        place(w, row, at);
        const void *x[3] = {NULL, NULL, NULL};
        for (int k = 0; k < w->operands; k++)
            x[k] = (const char *)w->x[k] + (at[k] + from * step[k]) * (int64_t)w->size[k];
        w->row(calr_min64(w->part, w->n - from), x, step, w->p,
               w->y + (row * w->n + from) * (int64_t)w->y_size);
    }
}

/* ---- short rows ---- */

/* Rows of fewer elements than these are taken many at a time: a row of three channels costs far more than its
 * elements. A block has at most so many bytes of an operand. */
#define SHORT 48
#define BLOCK 4096

/* `count` rows of n elements, `apart` elements apart, one after the other. */
#define SPREAD(bits)                                                                               \
    static void spread##bits(int64_t count, int64_t n, const uint##bits##_t *x, int64_t apart,     \
                             int64_t step, uint##bits##_t *y)                                      \
    {                                                                                              \
        for (int64_t r = 0; r < count; r++)                                                        \
            for (int64_t i = 0; i < n; i++)                                                        \
                *y++ = x[r * apart + i * step];                                                    \
    }
SPREAD(8)
SPREAD(16)
SPREAD(32)
SPREAD(64)

static void spread(size_t size, int64_t count, int64_t n, const void *x, int64_t apart,
                   int64_t step, void *y)
{
    if (size == 1)
        spread8(count, n, x, apart, step, y);
    else if (size == 2)
        spread16(count, n, x, apart, step, y);
    else if (size == 4)
        spread32(count, n, x, apart, step, y);
    else
        spread64(count, n, x, apart, step, y);
}

/* Items are blocks of `part` rows that follow each other in the last dimension but one. Operands whose elements do not
 * follow each other over such a block are copied, one that is the same for all rows only once. */
static void walk_blocks(void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const walk *w = context;
    const calr_pairing *p = w->pairing;
    int last = p->ndim - 1;
    int64_t lines = p->shape[last - 1];
    uint64_t room[3][BLOCK / sizeof(uint64_t)];
    int64_t held[3] = {-1, -1, -1};
    for (int64_t item = begin; item < end; item++) {
        int64_t first = item % w->parts * w->part, row = item / w->parts * lines + first;
        int64_t count = calr_min64(w->part, lines - first), at[3], step[3] = {0, 0, 0};
        const void *x[3] = {NULL, NULL, NULL};
        place(w, row, at);
        for (int k = 0; k < w->operands; k++) {
            int64_t apart = p->step[k][last - 1], inner = p->step[k][last];
            bool single = apart == 0 && inner == 0, follows = inner == 1 && apart == w->n;
            x[k] = (const char *)w->x[k] + at[k] * (int64_t)w->size[k];
            step[k] = single ? 0 : 1;
            if (single || follows)
                continue;
            /* at the end of a line a block has fewer rows, which are the first ones of a whole block */
            if (apart != 0 || held[k] != at[k])
                spread(w->size[k], apart ? count : w->part, w->n, x[k], apart, inner, room[k]);
            held[k] = at[k];
            x[k] = room[k];
        }
        w->row(count * w->n, x, step, w->p, w->y + row * w->n * (int64_t)w->y_size);
    }
}

void calr_paired_walk(const calr_pairing *pairing, int operands, calr_paired_row row,
                      const void *const x[3], const size_t size[3], double p, void *y,
                      size_t y_size)
{
    int64_t n = pairing->shape[pairing->ndim - 1], rows = 1;
    for (int d = 0; d < pairing->ndim - 1; d++)
        rows *= pairing->shape[d];
    if (n == 0 || rows == 0)
        return;
    walk w = {.pairing = pairing,
              .operands = operands,
              .row = row,
              .p = p,
              .y = y,
              .y_size = y_size,
              .n = n};
    for (int k = 0; k < operands; k++) {
        w.x[k] = x[k];
        w.size[k] = size[k];
    }
    if (n < SHORT && pairing->ndim > 1) {
        int64_t lines = pairing->shape[pairing->ndim - 2];
        w.part = calr_min64(lines, BLOCK / (int64_t)sizeof(uint64_t) / n);
        w.parts = (lines + w.part - 1) / w.part;
        calr_parallel_for(rows / lines * w.parts, calr_max64(1, CALR_GRAIN / (w.part * n)),
                          walk_blocks, &w);
        return;
    }
    w.part = calr_min64(n, CALR_GRAIN);
    w.parts = (n + w.part - 1) / w.part;
    calr_parallel_for(rows * w.parts, calr_max64(1, CALR_GRAIN / n), walk_rows, &w);
}
