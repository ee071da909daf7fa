/* Products of bytes by oneDNN, where the processor has instructions that add them up without loss. */
#include <pthread.h>
#include <string.h>

#include <dnnl.h>

#include "backend/cpu/bytes.h"
#include "backend/cpu/onednn.h"

/* Without VNNI oneDNN's kernels add pairs of products up in 16 bits, where they saturate. That a level is named
 * here does not suffice: the user may have capped it (ONEDNN_MAX_CPU_ISA), so the largest products are tried. */
static bool exact;

static bool product(int64_t m, int64_t n, int64_t k, const int8_t *a, const int8_t *b, int32_t *c,
                    int64_t ldc)
{
    const int32_t no_offset = 0;
    if (calr_onednn_reserve(0) != CALR_OK)
        return false;
    return dnnl_gemm_s8s8s32('N', 'T', 'F', m, n, k, 1, a, k, 0, b, k, 0, 0, c, ldc, &no_offset) ==
           dnnl_success;
}

static void probe(void)
{
    enum { ROWS = 48, DEPTH = 256 };
    int level = (int)dnnl_get_effective_cpu_isa(), needed = (int)dnnl_cpu_isa_avx512_core_vnni;
    if ((level & needed) != needed)
        return;
    int8_t a[ROWS * DEPTH], b[ROWS * DEPTH];
    int32_t c[ROWS * ROWS];
    for (int i = 0; i < ROWS; i++)
        for (int p = 0; p < DEPTH; p++) {
            a[i * DEPTH + p] = i % 2 ? 127 : -127;
            b[i * DEPTH + p] = i % 3 ? 127 : -127;
        }
    if (!product(ROWS, ROWS, DEPTH, a, b, c, ROWS))
        return;
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < ROWS; j++)
            if (c[i * ROWS + j] != ((i % 2 == 0) == (j % 3 == 0) ? 1 : -1) * 127 * 127 * DEPTH)
                return;
    exact = true;
}

bool calr_onednn_gemm_bytes(int64_t m, int64_t n, int64_t k, const int8_t *a, const int8_t *b,
                            int32_t *c, int64_t ldc)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, probe);
    if (!exact)
        return calr_portable_gemm_bytes(m, n, k, a, b, c, ldc);
    if (m <= 0 || n <= 0)
        return true;
    for (int64_t i = 0; k <= 0 && i < m; i++)
        memset(c + i * ldc, 0, (size_t)n * sizeof *c);
    return k <= 0 || product(m, n, k, a, b, c, ldc);
}
