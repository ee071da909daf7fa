/* Sparse matrices: compressed rows.
 *
 * Row i holds the pairs indices[p], values[p] for p = offsets[i] .. offsets[i+1]-1, columns
 * ascending, each once. What is not stored has a value that the use defines: 0 in a graph, 1 in a
 * Jaccard distance. The memory comes from the tensors' allocator, so that Lua's collector feels it.
 * Not thread-safe for writers. */
#ifndef CALR_NEIGHBOURS_CSR_H
#define CALR_NEIGHBOURS_CSR_H

#include <stdint.h>

#include "base/status.h"

typedef struct calr_csr {
    int64_t rows, columns; /* columns at most INT32_MAX */
    int64_t nonzeros;      /* stored pairs; a stored value may be 0 */
    int64_t *offsets;      /* [rows + 1], offsets[0] = 0, offsets[rows] = nonzeros */
    int32_t *indices;      /* [nonzeros] */
    float *values;         /* [nonzeros] */
} calr_csr;

/* Room for `nonzeros` pairs; the offsets are zeroed, indices and values are not. CALR_EINVAL:
 * negative sizes or too many columns; CALR_ENOMEM. Release with calr_csr_release. */
calr_status calr_csr_new(int64_t rows, int64_t columns, int64_t nonzeros, calr_csr **out);
void calr_csr_release(calr_csr *csr); /* NULL is allowed */

/* CALR_EINVAL naming `what` and the first row whose offsets or columns break the rules above;
 * CALR_ENUMERIC for a value that is NaN or infinite. */
calr_status calr_csr_validate(const calr_csr *csr, const char *what);

/* columns x rows, a new matrix. */
calr_status calr_csr_transpose(const calr_csr *csr, calr_csr **out);

/* Where in indices and values the pair (i, j) is, both from 0 and in range; -1 when it is not stored. Binary search. */
int64_t calr_csr_find(const calr_csr *csr, int64_t i, int64_t j);
/* The value at (i, j); `missing` when it is not stored. */
float calr_csr_get(const calr_csr *csr, int64_t i, int64_t j, float missing);

/* Builds a matrix whose rows have lengths that are known only when they are there. Rows are grouped
 * in blocks of `grain`; different blocks may be filled by different threads at once
 * (calr_parallel_try with the same grain), the rows of one block in ascending order by one thread.
 * Rows never added stay empty. */
typedef struct calr_csr_builder calr_csr_builder;

calr_status calr_csr_builder_new(int64_t rows, int64_t columns, int64_t grain,
                                 calr_csr_builder **out);
void calr_csr_builder_release(calr_csr_builder *builder); /* NULL is allowed */
/* Room for `count` more pairs of `row`, for the caller to fill before the next call for the same
 * block. NULL in both when memory could not be had: the row stays empty and calr_csr_builder_finish
 * reports it. */
void calr_csr_builder_row(calr_csr_builder *builder, int64_t row, int64_t count, int32_t **indices,
                          float **values);
/* Puts the blocks together and releases the builder, also on failure. CALR_ENOMEM. */
calr_status calr_csr_builder_finish(calr_csr_builder *builder, calr_csr **out);

#endif
