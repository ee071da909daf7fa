/* The processor: its name, its features, and the team of threads that the calling thread may use.
 */
#include <omp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "backend/cpu/kernels.h"

bool calr_cpu_own_team(void)
{
    if (omp_in_parallel())
        return false;
    if (omp_get_max_threads() != calr_parallel_threads())
        omp_set_num_threads(calr_parallel_threads());
    return true;
}

#if defined(__x86_64__)
static bool is_capped_below(const char *set)
{
    static const char *const order[] = {
        "SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX512_CORE", "AVX512_CORE_VNNI", "AVX512_CORE_BF16"};
    const char *cap = getenv("ONEDNN_MAX_CPU_ISA");
    if (!cap)
        cap = getenv("DNNL_MAX_CPU_ISA");
    for (size_t i = 0; cap && i < sizeof order / sizeof *order; i++) {
        if (strcmp(order[i], set) == 0)
            return false;
        if (strcmp(order[i], cap) == 0)
            return true;
    }
    return false;
}
#endif

static calr_cpu_vector_set vectors;
static bool has_bf16;

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void find_vectors(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && !is_capped_below("AVX512_CORE"))
        vectors = CALR_VECTORS_AVX512;
    else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
             !is_capped_below("AVX2"))
        vectors = CALR_VECTORS_AVX2;
    has_bf16 = vectors == CALR_VECTORS_AVX512 && __builtin_cpu_supports("avx512bf16") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl") && !is_capped_below("AVX512_CORE_BF16");
#endif
}

calr_cpu_vector_set calr_cpu_vectors(void)
{
    pthread_once(&once, find_vectors);
    return vectors;
}

bool calr_cpu_has_bf16(void)
{
    pthread_once(&once, find_vectors);
    return has_bf16;
}

#if defined(__x86_64__)
static void append(char *text, size_t size, const char *name, int has)
{
    size_t used = strlen(text);
    if (has)
        snprintf(text + used, size - used, "%s%s", used ? " " : "", name);
}

void calr_cpu_describe(calr_backend_info *out)
{
    unsigned int brand[12] = {0};
    char name[sizeof brand + 1] = "";
    if ((unsigned int)__get_cpuid_max(0x80000000u, NULL) >= 0x80000004u)
        for (unsigned int i = 0; i < 3; i++)
            __get_cpuid(0x80000002u + i, &brand[4 * i], &brand[4 * i + 1], &brand[4 * i + 2],
                        &brand[4 * i + 3]);
    memcpy(name, brand, sizeof brand);
    snprintf(out->cpu, sizeof out->cpu, "%s", name + strspn(name, " "));
    __builtin_cpu_init();
    /* __builtin_cpu_supports takes literals only. */
#define FEATURE(name)                                                                              \
    append(out->cpu_features, sizeof out->cpu_features, name, __builtin_cpu_supports(name))
    FEATURE("sse4.2");
    FEATURE("avx");
    FEATURE("avx2");
    FEATURE("fma");
    FEATURE("avx512f");
    FEATURE("avx512bw");
    FEATURE("avx512dq");
    FEATURE("avx512vl");
    FEATURE("avx512vnni");
    FEATURE("avx512bf16");
#undef FEATURE
}
#else
void calr_cpu_describe(calr_backend_info *out)
{
    snprintf(out->cpu, sizeof out->cpu, "not x86-64");
}
#endif
