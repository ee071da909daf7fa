/* The processor: its name, its features, and the team of threads that the calling thread may use.
 */
#include <omp.h>
#include <stdio.h>
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
#undef FEATURE
}
#else
void calr_cpu_describe(calr_backend_info *out)
{
    snprintf(out->cpu, sizeof out->cpu, "not x86-64");
}
#endif
