/* Products of bytes where oneDNN has none that are exact: by 16-bit numbers, pairs of which are multiplied and added up
 * in 32 bits without loss. */
#ifndef CALR_CPU_BYTES_H
#define CALR_CPU_BYTES_H

#include <stdbool.h>
#include <stdint.h>

enum {
    CALR_BYTES_ROWS = 6,     /* of a block of the kernel */
    CALR_BYTES_COLUMNS = 16, /* two vectors */
};

/* c[ROWS x COLUMNS], rows ldc apart, = (`add`: +=) the products over `pairs` pairs of a[pairs x ROWS] and
 * b[pairs x COLUMNS], each a pair of 16-bit numbers. */
void calr_bytes_block_avx2(int64_t pairs, const int32_t *a, const int32_t *b, bool add, int32_t *c,
                           int64_t ldc);

/* The table's gemm_bytes. */
bool calr_portable_gemm_bytes(int64_t m, int64_t n, int64_t k, const int8_t *a, const int8_t *b,
                              int32_t *c, int64_t ldc);

#endif
