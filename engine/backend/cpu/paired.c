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
    int64_t n, parts, part; /* elements of a row; pieces that it is cut into, and elements of one */
} walk;

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
        int64_t row = item / w->parts, from = item % w->parts * w->part, rest = row;
        int64_t at[3] = {0, 0, 0};
        for (int d = last - 1; d >= 0; d--) {
            int64_t i = rest % p->shape[d];
            rest /= p->shape[d];
            for (int k = 0; k < w->operands; k++)
                at[k] += i * p->step[k][d];
        }
        const void *x[3] = {NULL, NULL, NULL};
        for (int k = 0; k < w->operands; k++)
            x[k] = (const char *)w->x[k] + (at[k] + from * step[k]) * (int64_t)w->size[k];
        w->row(calr_min64(w->part, w->n - from), x, step, w->p,
               w->y + (row * w->n + from) * (int64_t)w->y_size);
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
    w.part = calr_min64(n, CALR_GRAIN);
    w.parts = (n + w.part - 1) / w.part;
    calr_parallel_for(rows * w.parts, calr_max64(1, CALR_GRAIN / n), walk_rows, &w);
}
