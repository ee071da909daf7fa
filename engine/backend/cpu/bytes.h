/* Products of bytes, exact and slow, where the processor has no instructions for them. */
#ifndef CALR_CPU_BYTES_H
#define CALR_CPU_BYTES_H

#include <stdbool.h>
#include <stdint.h>

/* The table's gemm_bytes. */
bool calr_portable_gemm_bytes(int64_t m, int64_t n, int64_t k, const int8_t *a, const int8_t *b,
                              int32_t *c, int64_t ldc);

#endif
