/* Walks over the elements of paired operands (backend/elements.h), in parallel. */
#ifndef CALR_BACKEND_CPU_PAIRED_H
#define CALR_BACKEND_CPU_PAIRED_H

#include "backend/backend.h"

/* Works on a row: n elements of the result, and of each operand, `step` elements apart. */
typedef void (*calr_paired_row)(int64_t n, const void *const x[3], const int64_t step[3], double p,
                                void *y);

/* Calls `row` for all of them. `size` is bytes of an element: of the operands, and of the result. */
void calr_paired_walk(const calr_pairing *pairing, int operands, calr_paired_row row,
                      const void *const x[3], const size_t size[3], double p, void *y,
                      size_t y_size);

#endif
