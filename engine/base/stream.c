#include "base/stream.h"

#include <string.h>

#ifdef __x86_64__
#include <immintrin.h>

static void copy_quarters(char *to, const char *from, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 16)
        _mm_stream_si128((__m128i *)(to + i), _mm_load_si128((const __m128i *)(from + i)));
}

__attribute__((target("avx512f"))) static void copy_lines(char *to, const char *from, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 64)
        _mm512_stream_si512((__m512i *)(to + i), _mm512_loadu_si512(from + i));
}

void calr_stream_copy(void *to, const void *from, size_t bytes)
{
    size_t head = (size_t)(-(uintptr_t)to & 63), lines;
    head = head < bytes ? head : bytes;
    lines = __builtin_cpu_supports("avx512f") ? (bytes - head) & ~(size_t)63 : 0;
    copy_quarters(to, from, head);
    if (lines > 0)
        copy_lines((char *)to + head, (const char *)from + head, lines);
    head += lines;
    copy_quarters((char *)to + head, (const char *)from + head, bytes - head);
}

void calr_stream_end(void)
{
    _mm_sfence();
}

#else

void calr_stream_copy(void *to, const void *from, size_t bytes)
{
    memcpy(to, from, bytes);
}

void calr_stream_end(void)
{
}

#endif
