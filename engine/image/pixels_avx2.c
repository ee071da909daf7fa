/* The kernels for AVX2 and FMA. This file is compiled for them (CMakeLists.txt) and runs only there. */
#include <immintrin.h>

#define BYTES 32
typedef __m256i whole;
typedef __m256 floats;
#define V(name)      _mm256_##name
#define FLOATS(name) _mm256_##name##_ps
#define ZERO         _mm256_setzero_si256()
#define LOAD(p)      _mm256_loadu_si256((const __m256i *)(p))
#define STORE(p, v)  _mm256_storeu_si256((__m256i *)(p), v)
#define TAKE(p)      _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(p)))
#define KERNELS      calr_pixels_avx2
#define NAME         "avx2"
#include "image/pixels_vector.h"
